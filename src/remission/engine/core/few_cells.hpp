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

// New cells of clone c that divisions of the main clone have made today; rare ones come by their clock, which has run.
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

// The cells of clone c that are left to `lane` tonight, drawn: by the birth-death process where there were few this
// morning, rounded where they have become few today.
inline void draw_clone(Block& b, Int c, int l, Int today, bool were_few) {
  Real &cycling = b.flesh.cells(2 * c, l), &resting = b.flesh.cells(2 * c + 1, l);
  const std::uint64_t seed = b.play.seed;
  const Int pid = b.pid(l);
  const std::uint32_t purpose = static_cast<std::uint32_t>(b.lay.clone_purpose[c]);
  if (were_few) {
    const Real rests = b.flesh.rests(0, l), to_rest = b.q.to_rest(c, l) * rests, wake = b.person(l).wake;
    const Real half = rests == 1.0 ? b.day.half(c, l) : exchanged(to_rest, wake, 0.5);
    std::tie(cycling, resting) =
        few_cells(b.day.before(2 * c, l), b.day.before(2 * c + 1, l), b.birth(c, l) * b.day.birth(0, l),
                  b.person(l).death, to_rest, wake, half, b.day.cyc(c, l), b.day.rest(c, l),
                  1.0, seed, pid, purpose, today);
  } else {
    cycling = whole(cycling, seed, pid, purpose + 5, today);
    resting = whole(resting, seed, pid, purpose + 6, today);
  }
}

// What has come to the CNS today by chance: `flux` cells are expected.
inline void seed_cns(Block& b, int l, Int today, Real flux) {
  Flesh& flesh = b.flesh;
  Real& cns = flesh.cns(0, l);
  if (flux >= FEW) {
    cns += flux;
  } else if (flux > RARE) {
    cns += b.poisson(l, P_SEED, today, flux);
  } else {
    // rare arrivals: a Poisson process on the clock of cells expected, its next arrival drawn at the last
    flesh.seeded(0, l) += flux;
    while (flesh.seeded(0, l) >= flesh.seed_at(0, l)) {
      cns += 1.0;
      flesh.seeds(0, l) += 1.0;
      flesh.seed_at(0, l) += b.exponential(l, P_SEED_CLOCK, static_cast<Int>(flesh.seeds(0, l)));
    }
  }
}

// Most patients have none of these cells on most days: what is to be drawn is looked for in all of the block at once.
inline void few_cells_of_day(Block& b) {
  const Layout& lay = b.lay;
  Flesh& flesh = b.flesh;
  const WideInt here = b.here();
  const Wide was = load_row(b.day.cns_before, 0), flux = load_row(b.day.flux, 0);
  if (!b.play.chance) {
    const Wide cns = load_row(flesh.cns, 0);
    store(flesh.cns.row(0), here ? cns + flux : cns);
    return;
  }
  WideInt drawn{};
  for (Int c : b.work.alive) {
    const Wide n = load_row(b.day.before, 2 * c) + load_row(b.day.before, 2 * c + 1);
    const Wide left = load_row(flesh.cells, 2 * c) + load_row(flesh.cells, 2 * c + 1);
    const WideInt were_few = here & (n != 0.0) & (n < FEW), draws = were_few | (here & (n >= FEW) & (left < FEW));
    if (!any(draws)) continue;
    for (int l = 0; l < LANES; ++l)
      if (draws[l]) draw_clone(b, c, l, b.today[l], were_few[l]);
    drawn |= draws;
  }
  const Wide births = load_row(b.day.births, 0);
  for (Int c = any(births > 0.0) ? 1 : lay.clones(); c < lay.clones(); ++c) {
    const Wide made = load_row(b.q.mutation, c) * births;
    const WideInt some = here & (made > 0.0);
    if (!any(some)) continue;
    const WideInt rare = some & (made <= RARE);
    const Wide clock = load_row(flesh.mutants, c) + (rare ? made : Wide{});
    store(flesh.mutants.row(c), clock);
    const WideInt perhaps = some & (~rare | (clock >= load_row(flesh.mutant_at, c)));  // where it is not drawn yet, too
    if (!any(perhaps)) continue;
    for (int l = 0; l < LANES; ++l)
      if (perhaps[l] && mutants_of_day(b, c, l, b.today[l], made[l])) drawn[l] = -1;
  }
  if (any(drawn)) {
    Wide total = {};
    for (Int i = 0; i < 2 * lay.clones(); ++i) total += load_row(flesh.cells, i);
    store(flesh.total.row(0), drawn ? total : load_row(flesh.total, 0));
  }
  const Wide cns = load_row(flesh.cns, 0);
  const WideInt were_few = here & (was > 0.0) & (was < FEW), draws = were_few | (here & (cns > 0.0) & (cns < FEW));
  const WideInt come = here & (flux > 0.0);
  if (!any(draws | come)) return;
  for (int l = 0; l < LANES; ++l) {
    if (were_few[l])
      flesh.cns(0, l) = chance::birth_death(b.play.seed, b.pid(l), P_CNS, b.today[l], was[l], b.q.cns_birth(0, l),
                                            b.setting(S_CNS_DEATH) + b.day.cns(0, l), 1.0);
    else if (draws[l])
      flesh.cns(0, l) = whole(cns[l], b.play.seed, b.pid(l), P_CNS + 1, b.today[l]);
    if (come[l]) seed_cns(b, l, b.today[l], flux[l]);
  }
}

}  // namespace remission
