// Side effects by hazard: they begin when the hazard that drugs and grafts add up to has reached the patient's own
// threshold, with a grade, for a while. Chance is keyed by the side effect's name and the number of the episode: what else
// is played, and on which day, does not move it.
#pragma once
#include "block.hpp"

namespace remission {

constexpr Int COMPUTED = 2;  // side effects that are computed come first in the table: crs, neurotoxicity
constexpr Int FATAL = 5;

// Hazard of side effect s from cells killed today, cells that are there, and low counts.
inline Real hazard_of_body(const Block& b, Int s, int l) {
  Real hazard = 0.0;
  const Real capacity = b.person(l).capacity;
  for (Int i = b.lay.cause_from[s]; i < b.lay.cause_from[s + 1]; ++i) {
    const Cause& cause = b.lay.causes[i];
    Real share = 0.0, x = 0.0;
    switch (cause.of) {
      case OF_KILLED:
        for (Int c = 0; c < 2 * b.lay.clones(); ++c) x += b.day.before(c, l);
        share = std::max(0.0, x - b.leukaemic_cells(l)) / capacity;
        break;
      case OF_LOAD: share = b.leukaemic_cells(l) / capacity; break;
      default:
        if (cause.of == OF_NEUTROPHILS)
          x = b.circulating(NEUTROPHILS, l);
        else if (cause.of == OF_PLATELETS)
          x = b.platelets(l);
        else if (cause.of == OF_HAEMOGLOBIN)
          x = b.haemoglobin(l);
        else  // where the immune system is not played nobody knows
          x = b.lay.living == 1 ? b.flesh.immune[l].igg : cause.below;
        share = std::max(0.0, 1.0 - x / cause.below);
    }
    hazard += cause.hazard * share;
  }
  return hazard;
}

// The side effect of which the patient dies today, or -1.
inline Int side_effects_of_day(Block& b, int l, Int today) {
  const Layout& lay = b.lay;
  Flesh& flesh = b.flesh;
  Int died = -1;
  for (Int s = 0; s < lay.side_effects; ++s) {
    SideState& side = flesh.side(s, l);
    if (side.grade > 0) {
      if (today >= side.until) {
        b.side_effect(l, COMPUTED + s, side.began, today - 1, side.grade);
        side.grade = 0;
      }
      continue;
    }
    const Int row = FIRST_HAZARD + 3 * s;
    Real hazard = flesh.daily(row, l);
    if (lay.cause_from[s + 1] > lay.cause_from[s]) hazard += hazard_of_body(b, s, l);
    if (hazard <= 0.0 || side.over == 1) continue;
    const Int n = s * SIDE_NUMBERS;
    hazard *= b.q.side(n + PERSON, l) * (1.0 + flesh.daily(row + 2, l)) / (1.0 + flesh.daily(row + 1, l));
    const Int graft = flesh.immune[l].transplant_day;
    if (graft >= 0 && static_cast<Real>(today - graft) <= b.q.side(n + FACTOR_DAYS, l))
      hazard *= b.q.side(n + FACTOR, l);
    side.clock += hazard;
    if (side.due < 0.0) side.due = b.exponential(l, static_cast<std::uint32_t>(lay.side_purpose[2 * s]), side.episodes);
    if (side.clock < side.due) continue;
    const Real u = b.uniform(l, static_cast<std::uint32_t>(lay.side_purpose[2 * s + 1]), side.episodes);
    Int grade = 1;
    while (grade < FATAL && u >= lay.grades[s * FATAL + grade - 1]) ++grade;
    side.grade = grade;
    side.worst = std::max(side.worst, grade);
    side.episodes += 1;
    side.began = today;
    side.until = today + std::max<Int>(1, static_cast<Int>(std::nearbyint(b.q.side(n + COURSE, l))));
    side.clock = 0.0;
    side.due = -1.0;
    side.over = 1 - lay.again[s];
    for (Int agent = 0; agent < lay.agents(); ++agent)
      if (lay.inactivates[s * lay.agents() + agent] == 1) {
        flesh.lost(agent, l) = 1.0;
        for (Int k = lay.state_from[agent]; k < lay.state_from[agent + 1]; ++k) b.drugs.x(k, l) = 0.0;
      }
    if (grade == FATAL && died < 0) died = s;
  }
  return died;
}

// Write the side effects that last to the end.
inline void end_of_side_effects(Block& b, int l, Int today) {
  for (Int s = 0; s < b.lay.side_effects; ++s) {
    const SideState& side = b.flesh.side(s, l);
    if (side.grade > 0) b.side_effect(l, COMPUTED + s, side.began, std::min(today, side.until - 1), side.grade);
  }
}

}  // namespace remission
