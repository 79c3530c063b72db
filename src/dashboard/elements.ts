/** Elements of the page, made and found. Invariant: one that is still wanted stays the same element, so that it keeps its focus. */

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/** Makes an element with text. */
export function element(tag: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Sets the text where it is another one, so that nobody reads it aloud again. */
export function setText(parent: Element, selector: string, text: string): void {
  const found = parent.querySelector(selector);
  if (found !== null && found.textContent !== text) found.textContent = text;
}

/** Afterwards the parent has one child for each item, in this order; a child is made once for each key. */
export function keep<T>(
  parent: Element,
  items: readonly T[],
  keyOf: (item: T) => string,
  make: (item: T) => HTMLElement,
  update: (child: HTMLElement, item: T) => void,
): void {
  const old = new Map(
    [...parent.children].map((child) => [(child as HTMLElement).dataset['key'] ?? '', child as HTMLElement]),
  );
  let at: Element | null = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const child = old.get(key) ?? make(item);
    old.delete(key);
    child.dataset['key'] = key;
    update(child, item);
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  for (const gone of old.values()) gone.remove();
}
