// A day, in the order in which things happen.
#pragma once
#include "body.hpp"
#include "follow_up.hpp"
#include "living.hpp"
#include "pharmacokinetics.hpp"

namespace remission {

// Chance, infection, relapse, the weekly record and the clock of one patient.
inline void evening(Block& b, int l, Int today) {
  LaneState& lane = b.lane(l);
  few_cells_of_day(b, l, today);
  if (b.play.chance && fever_due(b, l, today)) infection(b, l, today);
  const Real total = b.flesh.total(0, l);
  const Real fraction = b.blast_share(l, total);
  if (b.lay.looks == 0 && lane.remission == 0 && today % 7 == 0 && fraction < b.setting(S_REMISSION))
    lane.remission = 1;  // no marrow is ever looked at: it is not assessed, but it can be lost
  if (lane.status != DONE && lane.remission > 0) {
    const bool marrow =
        lane.remission == 2 || (today % 7 == 0 && fraction >= b.setting(S_RELAPSE_MARROW));
    const bool brain = today % 7 == 0 && b.flesh.cns(0, l) >= b.setting(S_RELAPSE_CNS);
    if (marrow || brain)
      relapsed(b, l, today, relapse_site(b, marrow, brain, fraction, b.flesh.cns(0, l)));
  }
  if (b.play.chance && lane.status != DONE) fate_of_treatment(b, l, today, fraction);
  if (b.play.keep_states && ((today + 1) % 7 == 0 || (b.lay.living == 1 && daily_record(b, l, today))))
    note_state(b, l, today + 1, total, fraction);
  if (lane.status == TREATING && lane.stalled == 0) {
    lane.wait_passed = 0;
    lane.gate_from = -1;
    const Phase& phase = b.t.phases[lane.phase];
    if (one_day_more(b, l, lane.phase)) {
      lane.owed -= 1;
      lane.extended += 1;
      lane.extra = 1;
    } else {
      lane.extra = 0;
      lane.day += 1;
    }
    if (lane.day > phase.days) {
      if (phase.repeats == 1 && lane.next_phase == -2) {
        begin_days(lane);
        b.place.cycle(lane.phase, l) += 1;
      } else {
        move_on(b, l, today + 1, lane.phase);
      }
    }
  } else if (lane.status == AFTER && today >= lane.ended + AFTER_DAYS && needs_no_days(b, l, total)) {
    follow(b, l, today + 1);
  }
}

inline bool playing(const Block& b, int l) { return b.place.lane[l].status != DONE; }

// Before the first day: how drugs answer in these patients, the first draws, the first record.
inline void prepare(Block& b) {
  fill_responses(b);
  for (int l = 0; l < LANES; ++l) {
    b.flesh.fever_at(0, l) = b.exponential(l, P_FEVER, 0);
    b.flesh.seed_at(0, l) = b.exponential(l, P_SEED_CLOCK, 0);
    b.flesh.lethal_at(0, l) = b.exponential(l, P_LETHAL, 0);
  }
  if (b.play.keep_states)
    for (int l = 0; l < LANES; ++l)
      if (playing(b, l)) note_state(b, l, 0, b.flesh.total(0, l), b.blast_share(l, b.flesh.total(0, l)));
}

// The day as a list. False when nobody is left to play.
inline bool play_day(Block& b, Int today) {
  bool anyone = false;
  for (int l = 0; l < LANES; ++l)
    if (playing(b, l)) {
      anyone = true;
      b.lane(l).visited = -1;
      if (b.lane(l).status != AFTER) morning(b, l, today);  // laboratory, clinic, dosing
    }
  if (!anyone) return false;
  for (int l = 0; l < LANES; ++l)
    if (playing(b, l)) b.place.result[l][RESULT_PLAYED] += 1.0;
  if (b.lay.acts.size > 0) acts_of_day(b, today);
  if (b.t.level_due.size > 0) levels_of_day(b, today);
  kinetics_of_day(b, today);
  effects_of_day(b);
  if (b.lay.living == 1) cells_of_day(b, today);
  body_of_day(b, today);
  if (b.lay.living == 1) immunity_of_day(b, today);
  for (int l = 0; l < LANES; ++l)
    if (playing(b, l)) evening(b, l, today);  // few cells, infection, relapse, side effects, the clock, follow-up
  return true;
}

inline void close_runs(Block& b, int l) {
  for (Int slot = 0; slot < b.t.slots.size; ++slot)
    if (b.place.slot(slot, l).run_from >= 0) close_run(b, slot, l);
}

// After the last day: what lasts to the end, and how it ended for those to whom nothing happened.
inline void conclude(Block& b) {
  for (int l = 0; l < LANES; ++l) {
    if (b.person(l).real != 1) continue;
    const Real ended = b.place.result[l][RESULT_DAY];
    const Int last = std::isnan(ended) ? b.play.treatment_days : static_cast<Int>(ended);
    end_of_living(b, l, last);
    end_of_side_effects(b, l, last);
    if (std::isnan(ended)) last_day(b, l, b.play.treatment_days);
    Int night = static_cast<Int>(b.place.result[l][RESULT_DAY]);
    const Real outcome = b.place.result[l][RESULT_OUTCOME];
    if (outcome == Real{DEATH} || outcome == Real{RELAPSE}) night += 1;  // in the evening
    if (b.lane(l).status == DONE)
      for (Int slot = 0; slot < b.t.slots.size; ++slot) cut_run(b, slot, l, night, R_CUT_BY_END);
    close_runs(b, l);
  }
}

// One block from the first day to the last.
inline void play(Block& b) {
  prepare(b);
  for (Int today = 0; today < b.play.treatment_days; ++today)
    if (!play_day(b, today)) break;
  conclude(b);
}

}  // namespace remission
