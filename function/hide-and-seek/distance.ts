/**
 * The length of the shortest way between two places on the WGS84 ellipsoid, by Karney's method (Algorithms for geodesics, J. Geodesy 87,
 * 2013): exact to 15 nanometers and convergent everywhere, where Vincenty's formula fails for places opposite to each other. The
 * library is Karney's own; `packages.json` has it put into the package when the function is deployed, so the checksum covers it.
 */
import geodesic from "geographiclib-geodesic";

/** A place on the ellipsoid, in degrees. */
export interface Place {
  /** -90..90 */
  readonly latitude: number;
  /** -180..180 */
  readonly longitude: number;
}

/** Meters between two places. */
export function distanceMeters(a: Place, b: Place): number {
  const { WGS84, DISTANCE } = geodesic.Geodesic;
  return WGS84.Inverse(a.latitude, a.longitude, b.latitude, b.longitude, DISTANCE).s12!;
}
