/**
 * Hide and seek: where somebody hides is known to this function only, and who seeks learns how far it is. The first input of a
 * connection is the hiding place, which the hider encrypted (`cape:`) and the host decrypts before it comes here; every further one
 * is where the seeker stands. Both are JSON: `{"latitude": 48.8584, "longitude": 2.2945}`, in degrees. Answers and thresholds are the
 * seeds', to the letter.
 *
 * Who may ask often enough from places of their choice can work out the hiding place; that is the game.
 */
import { distanceMeters, type Place } from "./distance.ts";

/** Found from here on, meters. */
const FOUND_METERS = 100;
/** Close from here on, meters. */
const CLOSE_METERS = 10_000;

/** An input is two numbers; a browser's position as JSON has under 300 characters. */
const INPUT_BYTES_MAX = 4096;

/** Kept until the connection closes. */
let hidingPlace: Place | undefined;

/** Keeps the first place, and says how far the others are from it. */
export function cape_handler(input: Uint8Array): string {
  const place = readPlace(input);
  if (!hidingPlace) {
    hidingPlace = place;
    return "";
  }
  const meters = distanceMeters(hidingPlace, place);
  if (meters < FOUND_METERS) return "Congrats you found the treasure!";
  const words = meters < CLOSE_METERS ? "Getting closer!" : "Not even close!";
  return `${words} still ${pythonText(meters)} meters away`;
}

/** Reads a place. What is wrong is thrown, without a word of what the input was: it may be somebody's secret. */
function readPlace(input: Uint8Array): Place {
  const refuse = (why: string) => new Error(`Cannot read the place: ${why}`);
  if (input.length > INPUT_BYTES_MAX) throw refuse(`it has more than ${INPUT_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(input));
  } catch {
    throw refuse("it is not JSON in UTF-8");
  }
  if (typeof value !== "object" || value === null) throw refuse("it is not a JSON object");
  const { latitude, longitude } = value as Record<string, unknown>;
  const place = { latitude: degrees(latitude), longitude: degrees(longitude) };
  if (!(Math.abs(place.latitude) <= 90)) throw refuse('"latitude" has to be a number of -90..90');
  if (!(Math.abs(place.longitude) <= 180)) {
    throw refuse('"longitude" has to be a number of -180..180');
  }
  return place;
}

/** The seeds' clients send numbers or their texts. */
function degrees(value: unknown): number {
  if (typeof value === "string" && /^\s*[+-]?\d+(\.\d+)?\s*$/.test(value)) return Number(value);
  return typeof value === "number" ? value : NaN;
}

/** A number as Python's `str` writes it: whole ones with a fraction. */
function pythonText(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
