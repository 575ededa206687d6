// Side effects by hazard: they begin when the hazard that drugs and grafts add up to has reached the patient's own
// threshold, with a grade, for a while. Chance is keyed by the side effect's name and the number of the episode: what else
// is played, and on which day, does not move it. Clocks run for all patients of the block at once; what begins or ends is
// played patient by patient.
#pragma once
#include "block.hpp"

namespace remission {

constexpr Int COMPUTED = 2;  // side effects that are computed come first in the table: crs, neurotoxicity
constexpr Int FATAL = 5;

// Hazard of side effect s from cells killed today, cells that are there, and low counts.
inline Wide hazard_of_body(const Block& b, Int s) {
  const Layout& lay = b.lay;
  const Rows& line = b.flesh.line;
  const Int red = RED_CELLS * STATE_ROWS;
  auto sum = [&](const Rows& cells) {
    Wide x{};
    for (Int c = 0; c < 2 * lay.clones(); ++c) x += load_row(cells, c);
    return x;
  };
  Wide hazard{};
  for (Int i = lay.cause_from[s]; i < lay.cause_from[s + 1]; ++i) {
    const Cause& cause = lay.causes[i];
    Wide share, x;
    switch (cause.of) {
      case OF_KILLED: share = larger(sum(b.day.before) - sum(b.flesh.cells), 0.0) / load_row(b.q.capacity, 0); break;
      case OF_LOAD: share = sum(b.flesh.cells) / load_row(b.q.capacity, 0); break;
      default:
        if (cause.of == OF_NEUTROPHILS)
          x = load_row(line, NEUTROPHILS * STATE_ROWS + CIRCULATING);
        else if (cause.of == OF_PLATELETS)
          x = load_row(line, PLATELETS * STATE_ROWS + CIRCULATING) + load_row(b.flesh.pool, 0);
        else if (cause.of == OF_HAEMOGLOBIN)
          x = load_row(line, red + 1) + load_row(line, red + 2) + load_row(line, red + 3) + load_row(line, red + 4);
        else  // where the immune system is not played nobody knows
          for (int l = 0; l < LANES; ++l) x[l] = b.lay.living == 1 ? b.flesh.immune[l].igg : cause.below;
        share = larger(1.0 - x / cause.below, 0.0);
    }
    hazard += cause.hazard * share;
  }
  return hazard;
}

// The grade of an episode at the quantile u: death with the patient's own probability, else grades 1-4 as they are among
// those who do not die of it, usually or in the time after a transplant.
inline Int grade_of(const Block& b, Int s, int l, Real u, Int today) {
  const Int graft = b.flesh.immune[l].transplant_day;
  const bool after = graft >= 0 && static_cast<Real>(today - graft) <= b.q.side(s * SIDE_NUMBERS + FACTOR_DAYS, l);
  const Real* upper = &b.lay.grades[(2 * s + (after ? 1 : 0)) * FATAL];
  const Real fatal = b.q.side(s * SIDE_NUMBERS + FATALITY, l);
  if (u >= 1.0 - fatal) return FATAL;
  const Real survived = u * upper[FATAL - 2] / (1.0 - fatal);
  Int grade = 1;
  while (grade < FATAL - 1 && survived >= upper[grade - 1]) ++grade;
  return grade;
}

// An episode of side effect s begins.
inline void begin_side_effect(Block& b, Int s, int l, Int today) {
  const Layout& lay = b.lay;
  Flesh& flesh = b.flesh;
  SideState& side = flesh.side(s, l);
  const Real u = b.uniform(l, static_cast<std::uint32_t>(lay.side_purpose[2 * s + 1]), side.episodes);
  const Int grade = grade_of(b, s, l, u, today);
  side.grade = grade;
  side.worst = std::max(side.worst, grade);
  side.episodes += 1;
  side.began = today;
  const Real days = std::nearbyint(b.q.side(s * SIDE_NUMBERS + COURSE, l));
  flesh.side_until(s, l) = static_cast<Real>(today + std::max<Int>(1, static_cast<Int>(days)));
  flesh.lasting[s] = 1;
  flesh.side_clock(s, l) = 0.0;
  flesh.side_due(s, l) = lay.again[s] == 1 ? -1.0 : std::numeric_limits<Real>::infinity();
  for (Int agent = 0; agent < lay.agents(); ++agent)
    if (lay.inactivates[s * lay.agents() + agent] == 1) {
      flesh.lost(agent, l) = 1.0;
      for (Int k = lay.state_from[agent]; k < lay.state_from[agent + 1]; ++k) b.drugs.x(k, l) = 0.0;
    }
}

// Write the episode that ends, or lasts to the end: its last day.
inline void note_side_effect(Block& b, Int s, int l, Int last) {
  const SideState& side = b.flesh.side(s, l);
  b.side_effect(l, COMPUTED + s, side.began, last, side.grade);
}

// Of patients who are at risk today (-1, others 0). `killer`: the side effect of which a patient dies, or -1.
inline void side_effects_of_day(Block& b, WideInt at_risk, Int* killer) {
  const Layout& lay = b.lay;
  Flesh& flesh = b.flesh;
  bool grafted = false;
  WideInt again{};  // has relapsed: before the treatment or in its course
  const Wide today = b.date();
  Wide since_graft = everywhere(std::numeric_limits<Real>::infinity());
  for (int l = 0; l < LANES; ++l)
    if (const Int graft = flesh.immune[l].transplant_day; graft >= 0) {
      since_graft[l] = static_cast<Real>(b.today[l] - graft);
      again[l] = b.person(l).relapsed > 0.0 || b.lane(l).relapses > 0 ? -1 : 0;
      grafted = true;
    }
  for (Int s = 0; s < lay.side_effects; ++s) {
    const Int row = FIRST_HAZARD + 3 * s, n = s * SIDE_NUMBERS;
    Wide hazard = load_row(flesh.daily, row);
    if (lay.cause_from[s + 1] > lay.cause_from[s]) hazard += hazard_of_body(b, s);
    if (!flesh.lasting[s] && !any(hazard > 0.0)) continue;
    WideInt runs = at_risk & (hazard > 0.0);
    if (flesh.lasting[s]) {
      const Wide until = load_row(flesh.side_until, s);
      const WideInt lasts = until > 0.0;
      flesh.lasting[s] = any(lasts);
      runs &= ~lasts;
      if (const WideInt ends = at_risk & lasts & (until <= today); any(ends))
        for (int l = 0; l < LANES; ++l)
          if (ends[l]) {
            note_side_effect(b, s, l, b.today[l] - 1);
            flesh.side(s, l).grade = 0;
            flesh.side_until(s, l) = 0.0;
          }
    }
    if (!any(runs)) continue;
    Wide factor = load_row(b.q.side, n + PERSON);
    if (flesh.moderated[s])
      factor = factor * (1.0 + load_row(flesh.daily, row + 2)) / (1.0 + load_row(flesh.daily, row + 1));
    hazard *= factor;
    if (grafted) {
      hazard = since_graft <= load_row(b.q.side, n + FACTOR_DAYS) ? hazard * load_row(b.q.side, n + FACTOR) : hazard;
      hazard = again ? hazard * load_row(b.q.side, n + AGAIN) : hazard;
    }
    // chosen first, then added: never contracted with a product, so that a neighbour's graft changes no bit
    const Wide clock = load_row(flesh.side_clock, s) + (runs ? hazard : Wide{});
    store(flesh.side_clock.row(s), clock);
    Wide due = load_row(flesh.side_due, s);
    if (const WideInt undrawn = runs & (due < 0.0); any(undrawn)) {
      for (int l = 0; l < LANES; ++l)
        if (undrawn[l]) due[l] = b.exponential(l, static_cast<std::uint32_t>(lay.side_purpose[2 * s]), flesh.side(s, l).episodes);
      store(flesh.side_due.row(s), due);
    }
    const WideInt begins = runs & (clock >= due);
    if (!any(begins)) continue;
    for (int l = 0; l < LANES; ++l)
      if (begins[l]) {
        begin_side_effect(b, s, l, b.today[l]);
        if (flesh.side(s, l).grade == FATAL && killer[l] < 0) killer[l] = s;
      }
  }
}

// Write the side effects that last to the end.
inline void end_of_side_effects(Block& b, int l, Int today) {
  for (Int s = 0; s < b.lay.side_effects; ++s)
    if (b.flesh.side(s, l).grade > 0)
      note_side_effect(b, s, l, std::min(today, static_cast<Int>(b.flesh.side_until(s, l)) - 1));
}

}  // namespace remission
