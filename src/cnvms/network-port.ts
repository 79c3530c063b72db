/** What this room needs of the network; the overlay implements it. */
export interface NetworkPort {
  /**
   * argv of a program that wires a cnvm's link, with its process's state on standard input, as OCI's `createRuntime`
   * hooks get it: at start and at restore.
   * @param directory where it may keep a file for as long as the hook is in use.
   */
  hook(address: string, directory: string): Promise<readonly string[]>;
  /** Lets packets in. Harmless when they are. */
  open(address: string): Promise<void>;
  /** Keeps packets from reaching the cnvm: they are lost, not answered. Harmless when they are kept. */
  close(address: string): Promise<void>;
  /** Removes what the hook made. Harmless when there is nothing. */
  unwire(address: string): Promise<void>;
  /** The text of a cnvm's resolv.conf. */
  resolvConf(): Promise<string>;
}
