/**
 * The part of a browser that the page uses, as types, and how it makes elements. Not TypeScript's own library: that changes the types of
 * the whole program, which runs elsewhere. Texts only ever become text nodes: names and tags of members are strangers' words.
 */

/** An element, with what the page's inputs and bars have beside. */
export interface PageElement {
  textContent: string | null;
  hidden: boolean;
  disabled: boolean;
  value: string;
  readonly files: ArrayLike<{ text(): Promise<string> }> | null;
  readonly dataset: Record<string, string>;
  setAttribute(name: string, value: string): void;
  replaceChildren(...children: (PageElement | string)[]): void;
  addEventListener(type: "click" | "change", listener: () => void): void;
  toggleAttribute(name: string, isSet: boolean): void;
}

interface PageWindow {
  readonly isSecureContext: boolean;
  readonly document: {
    title: string;
    readonly hidden: boolean;
    readonly body: PageElement;
    getElementById(id: string): PageElement | null;
    createElementNS(namespace: string, name: string): PageElement;
    addEventListener(type: "visibilitychange", listener: () => void): void;
  };
}

/** The browser that this page is in. */
export const browser = globalThis as unknown as PageWindow;

/** What an element is made of: attributes, then children. */
export type Child = PageElement | string;

const HTML = "http://www.w3.org/1999/xhtml";
const SVG = "http://www.w3.org/2000/svg";

/** The element with this id, which the page has. */
export function byId(id: string): PageElement {
  const found = browser.document.getElementById(id);
  if (!found) throw new Error(`Broken invariant: the page has no #${id}`);
  return found;
}

/** A new element. */
export function html(
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...children: Child[]
): PageElement {
  return make(HTML, name, attributes, children);
}

/** A new element of a drawing. */
export function svg(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  ...children: Child[]
): PageElement {
  return make(SVG, name, attributes, children);
}

function make(
  namespace: string,
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  children: Child[],
): PageElement {
  const made = browser.document.createElementNS(namespace, name);
  for (const [attribute, value] of Object.entries(attributes)) {
    made.setAttribute(attribute, String(value));
  }
  made.replaceChildren(...children);
  return made;
}

/** Gives an element this text, without touching it when it has it already: readers that speak changes must not hear the same again. */
export function say(element: PageElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A term and what it is. */
export function fact(name: string, value: Child): PageElement {
  return html("div", {}, html("dt", {}, name), html("dd", {}, value));
}

/** One row of a list: a mark, words, and what stands at the end. */
export function row(mark: string, kind: string, words: string, end: Child): PageElement {
  return html(
    "li",
    {},
    html("span", { class: `mark ${kind}`, "aria-hidden": "true" }, mark),
    html("span", kind === "" ? {} : { class: kind }, words),
    end,
  );
}

/** A moment as the clock on the wall shows it. */
export function clock(time: string): PageElement {
  return html("time", { datetime: time }, new Date(time).toLocaleTimeString());
}
