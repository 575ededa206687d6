// What differs from week to week in the same patient: colds, and a slow swing of proliferation (equations: body/weeks.py).
// Every draw is one of (patient, purpose, week): the same child has the same colds in every arm.
#pragma once
#include <numbers>

#include "block.hpp"

namespace remission {

constexpr std::uint32_t P_COLD = chance::purpose("a cold this week");
constexpr std::uint32_t P_COLD_SIZE = chance::purpose("how hard the cold is");
constexpr std::uint32_t P_BEGIN = chance::purpose("the day of the year on which treatment begins");
constexpr std::uint32_t P_SWING[LINES] = {chance::purpose("swing of neutrophils"), chance::purpose("swing of platelets"),
                                          chance::purpose("swing of red cells"), chance::purpose("swing of lymphocytes")};
constexpr Setting SWINGS[LINES] = {S_SWING_ANC, S_SWING_PLT, S_SWING_RED, S_SWING_LYMPH};
constexpr Setting COLDS[LINES] = {S_COLD_ANC, S_COLD_PLT, S_COLD_RED, S_COLD_LYMPH};
constexpr Real YEAR_DAYS = 365.25;

// The share of weeks with a cold: `colds` a year, more in winter, fewer in summer.
inline Real cold_share(Real colds, Real winter, Real year) {
  return -std::expm1(-7.0 / YEAR_DAYS * colds * (1.0 + winter * std::cos(2.0 * std::numbers::pi * year)));
}

// 0, 1, 2: mild, moderate, hard: over what a mean cold takes.
inline Int hardness(Real size) { return size < 0.5 ? 0 : size < 1.5 ? 1 : 2; }

// What is taken of proliferation in each line from today on, until next week.
inline void week_begins(Block& b, int l, Int today) {
  const Int week = today / 7;
  const Real kept = week == 0 ? 0.0 : b.setting(S_SWING_KEPT), colds = b.person(l).colds;
  const Real year = b.uniform(l, P_BEGIN, 0) + static_cast<Real>(today) / YEAR_DAYS;
  const bool cold = b.uniform(l, P_COLD, week) < cold_share(colds, b.setting(S_WINTER), year);
  const Real size = cold ? b.exponential(l, P_COLD_SIZE, week) : 0.0, more = size - cold_share(colds, 0.0, 0.0);
  if (cold) b.event(l, today, b.lane(l).phase, E_COLD, static_cast<Real>(hardness(size)));
  for (Int line = 0; line < LINES; ++line) {
    const Real swing = b.setting(SWINGS[line]);
    if (swing > 0.0)
      b.flesh.swing(line, l) = kept * b.flesh.swing(line, l) + std::sqrt(1.0 - kept * kept) * b.normal(l, P_SWING[line], week);
    b.flesh.unrest(line, l) = swing * b.flesh.swing(line, l) + b.setting(COLDS[line]) * more;
  }
}

inline void unrest_of_day(Block& b) {
  for (int l = 0; l < LANES; ++l)
    if (b.place.here[l] && b.today[l] % 7 == 0) week_begins(b, l, b.today[l]);
  const Int slots = b.lay.slots();
  for (Int line = 0; line < LINES; ++line) {
    if (b.lay.line_kind[line] == ABSENT) continue;
    const Wide more = load_row(b.flesh.unrest, line);
    if (!any(more != 0.0)) continue;
    Real* o = b.work.e_line.row(slots * line);
    by_rows(slots, [&](auto number) {
#pragma GCC unroll 12
      for (Int k = 0; k < number; ++k) store(o + k * LANES, load(o + k * LANES) + more);
    });
  }
}

}  // namespace remission
