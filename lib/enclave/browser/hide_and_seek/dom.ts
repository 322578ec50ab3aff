/**
 * The part of a browser's document that the page uses, as types. Not TypeScript's own library of them: that changes the types of the
 * whole program, which runs elsewhere.
 */

/** An element, with what buttons and text fields have beside. */
export interface PageElement {
  textContent: string | null;
  hidden: boolean;
  disabled: boolean;
  value: string;
  scrollTop: number;
  readonly dataset: Record<string, string>;
  readonly classList: { add(name: string): void; remove(name: string): void };
  append(...children: PageElement[]): void;
  replaceChildren(...children: PageElement[]): void;
  addEventListener(type: "click" | "submit", listener: (event: Event) => void): void;
  focus(): void;
  select(): void;
}

/** Where the browser is (W3C Geolocation). */
export interface Position {
  readonly coords: {
    readonly latitude: number;
    readonly longitude: number;
    /** Meters. */
    readonly accuracy: number;
  };
}

/** Why the browser does not say where it is. */
export interface PositionError {
  readonly code: number;
  readonly PERMISSION_DENIED: number;
  readonly TIMEOUT: number;
}

/** The browser. */
export interface BrowserWindow {
  readonly isSecureContext: boolean;
  readonly location: { readonly origin: string };
  readonly document: {
    getElementById(id: string): PageElement | null;
    createElement(name: string): PageElement;
  };
  readonly navigator: {
    readonly clipboard: { writeText(text: string): Promise<void> };
    readonly geolocation?: {
      getCurrentPosition(
        found: (position: Position) => void,
        failed: (error: PositionError) => void,
        options: { enableHighAccuracy: boolean; timeout: number; maximumAge: number },
      ): void;
    };
  };
}

/** The browser that this page is in. */
export const browser = globalThis as unknown as BrowserWindow;

/** The element with this id, which the page has. */
export function byId(id: string): PageElement {
  const found = browser.document.getElementById(id);
  if (!found) throw new Error(`Broken invariant: the page has no #${id}`);
  return found;
}

/** A new element with this text. */
export function textElement(name: string, text: string): PageElement {
  const made = browser.document.createElement(name);
  made.textContent = text;
  return made;
}
