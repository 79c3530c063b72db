/** What a person at a node says about emptying it, or another one. */
import { type Connection, call, messages } from '../../src/cli/connect.js';
import type {
  CordonResponse,
  EvacuationEvent,
  EvacuationSummary,
  StopEvacuationResponse,
  UncordonResponse,
} from '../../src/gen/cnvm/v1/evacuation.js';
import type { GetNodeResponse, ListNodesResponse } from '../../src/gen/cnvm/v1/node.js';

type Ask = <T>(act: (connection: Connection) => Promise<T>) => Promise<T>;

export interface EvacuateOptions {
  readonly node?: string;
  readonly to?: string[];
  readonly parallel?: number;
  readonly deadlineMs?: number;
  readonly dryRun?: boolean;
  readonly reason?: string;
  readonly followOnly?: boolean;
  /** The caller goes when it fires. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: EvacuationEvent['event']) => void;
}

/** "moved node2", "stayed", and so on, by the cnvm's name. */
export interface Evacuated {
  readonly end: string;
  readonly results: Readonly<Record<string, string>>;
  readonly summary: EvacuationSummary;
  readonly steps: readonly string[];
}

export function evacuationOrders(ask: Ask) {
  return {
    /** To its end. @throws when the call ends without a summary. */
    async evacuate({ signal, onEvent, ...options }: EvacuateOptions = {}): Promise<Evacuated> {
      const nothing = { node: '', to: [], parallel: 0, deadlineMs: 0, dryRun: false, reason: '', followOnly: false };
      return await ask(async (at) => {
        const stream = at.evacuations.evacuate({ ...nothing, ...options });
        signal?.addEventListener('abort', () => stream.cancel());
        const steps: string[] = [];
        for await (const { event } of messages(at, stream)) {
          onEvent?.(event?.event);
          if (event?.event?.$case === 'step') steps.push(event.event.value);
          if (event?.event?.$case === 'summary') return evacuated(event.event.value, steps);
        }
        throw new Error('the evacuation has no end');
      });
    },
    async stopEvacuation(node = ''): Promise<number> {
      const answer = await ask((at) =>
        call<StopEvacuationResponse>(at, (done) => at.evacuations.stopEvacuation({ node }, done)),
      );
      return answer.moving;
    },
    async cordon(node = '', reason = ''): Promise<CordonResponse> {
      return await ask((at) => call<CordonResponse>(at, (done) => at.evacuations.cordon({ node, reason }, done)));
    },
    async uncordon(node = '', ifReason = ''): Promise<boolean> {
      const request = { node, ifReason };
      const answer = await ask((at) => call<UncordonResponse>(at, (done) => at.evacuations.uncordon(request, done)));
      return answer.lifted;
    },
    /** Why it takes no new work, by its own word; empty when it does. */
    async cordonWords(): Promise<string> {
      const { facts } = await ask((at) => call<GetNodeResponse>(at, (done) => at.nodes.getNode({}, done)));
      return facts?.cordon ?? '';
    },
    /** As this node lists it. */
    async cordonOf(node: string): Promise<string | undefined> {
      const { nodes } = await ask((at) => call<ListNodesResponse>(at, (done) => at.nodes.listNodes({}, done)));
      return nodes.find(({ name }) => name === node)?.facts?.cordon;
    },
  };
}

function evacuated(summary: EvacuationSummary, steps: readonly string[]): Evacuated {
  const word = (value: string, prefix: string) => value.replace(prefix, '').toLowerCase().replace('_', '-');
  const results = summary.results.map(({ name, outcome, target }) => {
    return [name, `${word(outcome, 'EVACUATION_OUTCOME_')} ${target}`.trim()] as const;
  });
  const sorted = [...results].sort(([a], [b]) => a.localeCompare(b));
  return { end: word(summary.end, 'EVACUATION_END_'), results: Object.fromEntries(sorted), summary, steps };
}
