// Doses of the day: as the protocol says, or as the rules have left them.
#pragma once
#include <bit>

#include "block.hpp"

namespace remission {

constexpr std::uint32_t WEEKS_KEY = chance::purpose("absorption of the week");

inline void close_run(Block& b, Int slot, int l) {
  const SlotState& s = b.place.slot(slot, l);
  const Real hours = s.run_dose > 0.0 ? 24.0 * s.run_tau * static_cast<Real>(s.run_times) : 0.0;
  b.rec.note(DOSES, l, slot, s.run_from, s.run_to, s.run_dose, s.run_factor, s.run_reason, s.run_planned,
             hours, s.run_doses, s.run_first, s.run_last);
}

// What a slot is given on a day: `times` doses over tau days each; planned: as the protocol has it, before the rules;
// first, last: the hours of the day at which the first and the last of them begin.
struct Given {
  Real dose, planned, factor;
  Reason reason;
  Real tau;
  Int times;
  Real first, last;

  Int doses() const { return dose > 0.0 ? times : 0; }
};

// A dose of today: lengthen the run of equal days, add to today's, or close the run and open another.
inline void note_run(Block& b, Int slot, int l, Int today, const Given& g) {
  SlotState& s = b.place.slot(slot, l);
  if (s.run_from >= 0) {
    const bool same = s.run_tau == g.tau;
    if (s.run_to == today && same) {
      if (s.run_from < today) {  // a second dose today: the days before were another run
        s.run_to = today - 1;
        close_run(b, slot, l);
        s.run_from = s.run_to = today;
      }
      s.run_dose += g.dose;
      s.run_planned += g.planned;
      s.run_times = std::max(s.run_times, g.times);
      if (g.doses() > 0) {
        s.run_first = s.run_doses > 0 ? std::min(s.run_first, g.first) : g.first;
        s.run_last = s.run_doses > 0 ? std::max(s.run_last, g.last) : g.last;
      }
      s.run_doses += g.doses();
      return;
    }
    if (s.run_to == today - 1 && same && s.run_reason == g.reason && std::fabs(s.run_dose - g.dose) < 1e-9 &&
        std::fabs(s.run_planned - g.planned) < 1e-9 && s.run_doses == g.doses() && s.run_first == g.first &&
        s.run_last == g.last) {
      s.run_to = today;
      return;
    }
    close_run(b, slot, l);
  }
  s.run_from = s.run_to = today;
  s.run_dose = g.dose;
  s.run_factor = g.factor;
  s.run_reason = g.reason;
  s.run_planned = g.planned;
  s.run_tau = g.tau;
  s.run_times = g.times;
  s.run_doses = g.doses();
  s.run_first = g.first;
  s.run_last = g.last;
}

// Infusions of a slot that still run on a morning end then: what of each has run in, with its hours.
inline void cut_run(Block& b, Int slot, int l, Int morning, Reason reason) {
  SlotState& s = b.place.slot(slot, l);
  const Int first = s.run_from, last = s.run_to;
  const Real tau = s.run_tau, times = static_cast<Real>(s.run_times), dose = s.run_dose, hour = s.run_first / 24.0;
  if (first < 0 || dose <= 0.0 || tau <= 0.0) return;
  Int whole = last;
  while (whole >= first &&
         static_cast<Real>(whole) + hour + (times - 1.0) / times + tau > static_cast<Real>(morning) + 1e-9)
    --whole;
  if (whole == last) return;
  const Real planned = s.run_planned, factor = s.run_factor;
  if (whole >= first) {
    s.run_to = whole;
    close_run(b, slot, l);
  }
  for (Int day = whole + 1; day <= last; ++day) {
    Real ran = 0.0;
    Int begun = 0;
    for (Int k = 0; k < s.run_times; ++k) {
      const Real on =
          std::min(tau, std::max(0.0, static_cast<Real>(morning - day) - hour - static_cast<Real>(k) / times));
      ran += on;
      begun += on > 0.0;
    }
    const Real share = ran / (tau * times);
    b.rec.note(DOSES, l, slot, day, day, dose * share, factor * share, reason, planned, 24.0 * ran, begun, s.run_first,
               std::max(s.run_first, s.run_first + 24.0 * static_cast<Real>(begun - 1) / times));
  }
  s.run_from = -1;
}

// Who has grown dilutes a dose in a larger body. The kinetics are those of the size at entry: a dose by mouth, vein, muscle
// or skin counts there as the share that the body's surface at entry is of today's.
inline Real diluted(const Block& b, Int form, int l, Int today) {
  return b.t.forms[form].by_size == 1 ? b.q.person[l].bsa_m2 / b.size_on(l, today, 0) : 1.0;
}

// A dose of an order by the patient's size: amount per m2, per kg or flat, or by age where the order has a table of ages.
inline Real by_size(const Block& b, const Order& o, Real amount, int l, Int today) {
  const LaneState& lane = b.place.lane[l];
  if (o.basis == PER_M2) return amount * lane.bsa_m2;
  if (o.basis == PER_KG) return amount * lane.weight_kg;
  if (o.age_table < 0) return amount;
  const Real years = b.person(l).age_y + static_cast<Real>(today) / 365.25;
  for (Int j = 0; j < b.t.age_rows; ++j) {
    const Age& row = b.t.ages[o.age_table * b.t.age_rows + j];
    if (years >= row.from_age) amount = row.dose;
  }
  return amount;
}

// One administration of an order, in the agent's amount unit: size or age, escalation, taper, rule factor, cap; and what it
// would be without the rules.
inline std::pair<Real, Real> dose_now(Block& b, const Order& o, Real share, bool keep, int l, Int today) {
  SlotState& s = b.place.slot(o.slot, l);
  Real dose = o.amount;
  if (o.step > 0.0) {
    if (s.last_dose > 0.0)
      dose = s.last_dose + (keep ? 0.0 : o.step);
    else if (o.of_slot >= 0 && b.place.slot(o.of_slot, l).top_dose > 0.0)
      dose = b.place.slot(o.of_slot, l).top_dose * o.start_share;
    if (share > 0.0) {
      s.last_dose = dose;
      s.top_dose = std::max(s.top_dose, dose);
    }
  }
  dose = by_size(b, o, dose, l, today) * o.share;
  return {std::min(dose * share, o.cap), std::min(dose, o.cap)};
}

// How much of a week's doses by mouth arrives, over what does on average: log-normal of mean 1, the same in every arm.
inline Real of_week(Block& b, const Order& o, Real sd, int l, Int today) {
  SlotState& s = b.place.slot(o.slot, l);
  if (const Int week = today / 7; s.week != week) {
    s.week = week;
    s.of_week = std::exp(sd * b.normal(l, static_cast<std::uint32_t>(b.t.slots[o.slot].key) ^ WEEKS_KEY, week) - 0.5 * sd * sd);
  }
  return s.of_week;
}

// Which of a day's doses are not taken: bit k for the kth. The numbers of a dose are the same whatever the share, so that
// who misses more misses those too that he misses when he misses less.
inline unsigned missed(Block& b, const Order& o, Real share, int l, Int phase) {
  const LaneState& lane = b.lane(l);
  const Int number = b.numbered(l, phase, lane.day, lane.extra * lane.extended);
  const auto purpose = static_cast<std::uint32_t>(b.t.slots[o.slot].key);
  unsigned out = 0;
  for (Int k = 0; k < o.times; ++k)
    if (chance::nth_uniform(b.play.seed, b.pid(l), purpose, number, static_cast<std::uint64_t>(k)) < share) out |= 1u << k;
  return out;
}

inline void give(Block& b, Int order, int l, Int today, Int phase) {
  const Tables& t = b.t;
  const Order& o = t.orders[order];
  if (o.condition >= 0 && !b.holds(o.condition, l)) return;
  const SlotState& s = b.place.slot(o.slot, l);
  const Form& form = t.forms[o.form];
  const Int *rules = b.place.dose_rules.data() + b.place.dose_rules_from[o.slot],
            *last_rule = b.place.dose_rules.data() + b.place.dose_rules_from[o.slot + 1];
  Reason reason = R_PROTOCOL;
  Real share = 0.0, untaken = 0.0;
  bool keep = false;
  if (s.stopped == 1) {
    reason = R_STOPPED;
  } else if (s.held_by >= 0) {
    reason = R_HELD;
    LaneState& lane = b.lane(l);
    if (t.slots[o.slot].made_up == 1 && lane.owed_on < today) {
      lane.owed += 1;
      lane.owed_on = today;
    }
  } else {
    share = s.factor * s.limit;
    if (share < 0.999)
      reason = R_REDUCED;
    else if (share > 1.001)
      reason = R_RAISED;
    else if (b.lane(l).extra == 1 && t.slots[o.slot].made_up == 1)
      reason = R_MADE_UP;
    for (const Int* r = rules; r < last_rule; ++r) {
      const Rule& rule = t.rules[*r];
      if (rule.kind == RESCUE || (rule.condition >= 0 && !b.holds(rule.condition, l))) continue;
      if (rule.kind == MISS) {
        untaken = std::max(untaken, rule.value);
      } else if (rule.kind == OMIT) {
        share = 0.0;
        reason = R_OMITTED;
      } else {
        keep = true;
      }
    }
  }
  if (t.slots[o.slot].home == 1) untaken = std::max(untaken, b.person(l).missed);
  unsigned gone = 0;
  if (untaken > 0.0 && share > 0.0) {
    if (!b.play.chance)
      share *= 1.0 - untaken;  // the mean
    else if ((gone = missed(b, o, untaken, l, phase)) != 0)
      reason = R_MISSED;
  }
  const Int taken = o.times - std::popcount(gone);
  Real first = 0.0, last = 0.0;  // hours
  for (Int k = o.times - 1; k >= 0; --k)
    if (!(gone >> k & 1u)) {
      first = 24.0 / STEPS * static_cast<Real>(o.from_step) + 24.0 * static_cast<Real>(k) / static_cast<Real>(o.times);
      last = std::max(last, first);
    }
  if (taken == 0) share = 0.0;
  const auto [dose, planned] = dose_now(b, o, share, keep, l, today);
  if (dose > 0.0) {
    Real usable = (1.0 - b.flesh.lost(form.agent, l)) * b.q.bioavailability(o.form, l) * diluted(b, o.form, l, today);
    if (form.loss > 0.0) {
      const Real per_m2 = dose / b.size_on(l, today, 0);
      usable *= 1.0 - form.loss * per_m2 / (form.half_dose + per_m2);
    }
    if (form.week_sd > 0.0 && b.play.chance) usable *= of_week(b, o, form.week_sd, l, today);
    for (Int k = 0; k < o.times; ++k) {
      if (gone >> k & 1u) continue;
      const Int at = o.form * STEPS + o.from_step + k * STEPS / o.times;
      b.drugs.amount(at, l) += dose * usable;
      b.drugs.used[at] = 1;
      b.drugs.due[form.agent] = 1;
    }
    for (const Int* r = rules; r < last_rule; ++r)
      if (t.rules[*r].kind == RESCUE) {
        b.place.rule(*r, l).rescue_next = today * STEPS + t.rules[*r].from_step;
        b.place.rule(*r, l).rescue_given = 0;
      }
  }
  const Real times = static_cast<Real>(o.times), part = static_cast<Real>(taken) / times;
  if (t.slots[o.slot].watched == 1) {
    b.place.result[l][RESULT_SHARE] += share * part;
    b.place.result[l][RESULT_SHARES] += 1.0;
  }
  if (b.rec.keeps(DOSES))
    note_run(b, o.slot, l, today,
             {dose * static_cast<Real>(taken), planned * times, share * part, reason, form.tau, std::max<Int>(taken, 1),
              first, last});
}

}  // namespace remission
