// Where few cells are left the day is drawn anew as a birth-death process; mutants; seeding of the CNS.
#pragma once
#include "block.hpp"

namespace remission {

constexpr std::uint32_t P_CNS = chance::purpose("cns");
constexpr std::uint32_t P_SEED = chance::purpose("cns seeding");
constexpr std::uint32_t P_SEED_CLOCK = chance::purpose("cns seeding, rare");
// A clone's purposes: its own plus 0 to 7 for few cells, then these. Where cells are few each day of the calendar has its
// own luck, the same in every arm: so the arm with more cells never ends with fewer. What happens to a patient as an event
// (a fever, a side effect, a graft, a death) is keyed by its number: a shifted day does not change it.
constexpr std::uint32_t MUTANTS = 8, RARE_MUTANTS = 9;
constexpr Real RARE = 1.0;  // cells a day below which seeding is played by its clock

// New cells of clone c that divisions of the main clone have made today; rare ones come by their clock.
inline bool mutants_of_day(Block& b, Int c, int l, Int today, Real made) {
  const std::uint32_t purpose = static_cast<std::uint32_t>(b.lay.clone_purpose[c]);
  Real came = 0.0;
  if (made >= FEW) {
    came = std::floor(made);
  } else if (made > RARE) {
    came = b.poisson(l, purpose + MUTANTS, today, made);
  } else {
    Real& next = b.flesh.mutant_at(c, l);
    if (next < 0.0) next = b.exponential(l, purpose + RARE_MUTANTS, 0);
    b.flesh.mutants(c, l) += made;
    while (b.flesh.mutants(c, l) >= next) {
      came += 1.0;
      Real& number = b.flesh.mutants_came(c, l);
      number += 1.0;
      next += b.exponential(l, purpose + RARE_MUTANTS, static_cast<Int>(number));
    }
  }
  if (came <= 0.0) return false;
  b.flesh.cells(2 * c, l) += came;
  return true;
}

inline void few_cells_of_day(Block& b, int l, Int today) {
  const Layout& lay = b.lay;
  Flesh& flesh = b.flesh;
  const std::uint64_t seed = b.play.seed;
  const Int pid = b.pid(l);
  const Real was = b.day.cns_before(0, l), flux = b.day.flux(0, l);
  if (!b.play.chance) {
    flesh.cns(0, l) += flux;
    return;
  }
  bool drawn = false;
  for (Int c = 0; c < lay.clones(); ++c) {
    Real &cycling = flesh.cells(2 * c, l), &resting = flesh.cells(2 * c + 1, l);
    const Real was_cycling = b.day.before(2 * c, l), was_resting = b.day.before(2 * c + 1, l);
    const Real n = was_cycling + was_resting;
    if (n == 0.0) continue;
    const std::uint32_t purpose = static_cast<std::uint32_t>(lay.clone_purpose[c]);
    if (n < FEW) {
      std::tie(cycling, resting) =
          few_cells(was_cycling, was_resting, b.q.birth(c, l) * b.day.birth(0, l), b.person(l).death,
                    b.q.to_rest(c, l), b.person(l).wake, b.day.cyc(c, l), b.day.rest(c, l), 1.0, seed, pid, purpose,
                    today);
      drawn = true;
    } else if (cycling + resting < FEW) {
      cycling = whole(cycling, seed, pid, purpose + 5, today);
      resting = whole(resting, seed, pid, purpose + 6, today);
      drawn = true;
    }
  }
  for (Int c = 1; c < lay.clones(); ++c) {
    const Real made = b.q.mutation(c, l) * b.day.births(0, l);
    if (made > 0.0 && mutants_of_day(b, c, l, today, made)) drawn = true;
  }
  if (drawn) flesh.total(0, l) = b.leukaemic_cells(l);
  Real& cns = flesh.cns(0, l);
  if (0.0 < was && was < FEW)
    cns = chance::birth_death(seed, pid, P_CNS, today, was, b.setting(S_CNS_BIRTH),
                              b.setting(S_CNS_DEATH) + b.day.cns(0, l), 1.0);
  else if (0.0 < cns && cns < FEW)
    cns = whole(cns, seed, pid, P_CNS + 1, today);
  if (flux >= FEW) {
    cns += flux;
  } else if (flux > RARE) {
    cns += b.poisson(l, P_SEED, today, flux);
  } else if (flux > 0.0) {
    // rare arrivals: a Poisson process on the clock of cells expected, its next arrival drawn at the last
    flesh.seeded(0, l) += flux;
    while (flesh.seeded(0, l) >= flesh.seed_at(0, l)) {
      cns += 1.0;
      flesh.seeds(0, l) += 1.0;
      flesh.seed_at(0, l) += b.exponential(l, P_SEED_CLOCK, static_cast<Int>(flesh.seeds(0, l)));
    }
  }
}

}  // namespace remission
