// Leukaemic clones with cycling and resting cells, in marrow and CNS; extinction by chance.
//
// Per clone: cycling cells C divide (birth b, slowed as the marrow fills), die (d), are killed by drugs and go to rest;
// resting cells Q do not divide, are killed less, and wake:
//
//     dC/dt = (b crowding - d - kill_C - a) C + w Q
//     dQ/dt = a C - (w + kill_Q) Q
//
// Above a thousand cells the means are integrated (Strang splitting, exact in each part); below, every day is a draw of
// the birth-death process (Kendall 1948), so that a clone can die out.
#pragma once
#include <tuple>
#include <utility>

#include "chance.hpp"

namespace remission {

constexpr Real FEW = 1000.0;  // cells of a pool below which chance plays
constexpr Real LEAST_GROWTH = 0.005;  // 1/day, that counts for the clones of a leukaemia that hardly grows

// Cells of a clone that resists (Luria and Delbruck 1943) at the quantile u, m mutations so far; see body/leukaemia.py.
inline Real preexisting(Real m, Real u) {
  if (u <= std::exp(-m)) return 0.0;
  return std::floor(m > 1.0 ? m * (std::log(m) - 1.0 / std::log(u)) : -std::expm1(-m) / (1.0 - u));
}

// Advance a clone by h days in all lanes; crowding is the factor on birth.
inline void clone_step(Real* cycling, Real* resting, Wide crowding, Wide birth, Wide death, Wide to_rest, Wide wake,
                       Wide kill_cycling, Wide kill_resting, Real h) {
  Wide c = load(cycling), q = load(resting);
  // exchange for half a step before and after: (1 - exp(-s)) / (to_rest + wake), s = (to_rest + wake) u
  const Wide u = everywhere(0.5 * h), s = (to_rest + wake) * u;
  const Wide part = u * (1.0 - s * (0.5 - s * (1.0 / 6.0)));
  Wide moved = (c * to_rest - q * wake) * part;
  c = (c - moved) * exp_small((birth * crowding - death - kill_cycling) * h);
  q = (q + moved) * exp_small(-kill_resting * h);
  moved = (c * to_rest - q * wake) * part;
  store(cycling, c - moved);
  store(resting, q + moved);
}

// Round to a whole number of cells by chance, without changing the mean.
inline Real whole(Real cells, std::uint64_t seed, Int patient, std::uint32_t purpose, Int day) {
  const Real low = std::floor(cells);
  return chance::uniform(seed, patient, purpose, day) < cells - low ? low + 1.0 : low;
}

using Pools = std::pair<Real, Real>;  // cycling, resting

// Cells after nothing but going to rest and waking: each is on the other side by chance.
inline Pools exchange(Real c, Real q, Real rests, Real wakes, std::uint64_t seed, Int patient, std::uint32_t waking,
                      std::uint32_t resting, Int index) {
  const Real woken = q > 0.0 ? chance::binomial(seed, patient, waking, index, q, wakes) : 0.0;
  const Real rested = c > 0.0 ? chance::binomial(seed, patient, resting, index, c, rests) : 0.0;
  return {c + woken - rested, q + rested - woken};
}

// (1 - exp(-s days)) / s, s = to_rest + wake: times either rate, the share of cells that is on the other side.
inline Real exchanged(Real to_rest, Real wake, Real days) {
  const Real both = to_rest + wake;
  return both > 0.0 ? -std::expm1(-both * days) / both : 0.0;
}

// Cycling and resting cells after `days` when both are few: whole numbers in, whole numbers out. Exchange for half of
// the time, then Kendall's process of the cycling cells and death of the resting ones, then exchange again: second order
// in days. half: `exchanged` in half of the time. Uses purpose + 0 to 4 and + 7.
inline Pools few_cells(Real c, Real q, Real birth, Real death, Real to_rest, Real wake, Real half, Real kill_cycling,
                       Real kill_resting, Real days, std::uint64_t seed, Int patient, std::uint32_t purpose,
                       Int index) {
  const Real rests = to_rest * half, wakes = wake * half;
  std::tie(c, q) = exchange(c, q, rests, wakes, seed, patient, purpose + 1, purpose + 3, index);
  if (q > 0.0 && kill_resting > 0.0)
    q -= chance::binomial(seed, patient, purpose + 2, index, q, -std::expm1(-kill_resting * days));
  if (c > 0.0)
    c = chance::birth_death(seed, patient, purpose + 4, index, c, birth, death + kill_cycling, days);
  return exchange(c, q, rests, wakes, seed, patient, purpose + 7, purpose, index);
}

}  // namespace remission
