// A day, in the order in which things happen.
#pragma once
#include <chrono>

#include "body.hpp"
#include "follow_up.hpp"
#include "living.hpp"
#include "pharmacokinetics.hpp"
#include "weeks.hpp"

namespace remission {

// --- the steps of one patient

inline void team_of_day(Block& b, int l, Int today) {
  if (b.lane(l).status != AFTER) morning(b, l, today);
  b.place.here[l] = b.lane(l).status != DONE;
  if (b.place.here[l]) b.place.result[l][RESULT_PLAYED] += 1.0;
}

inline void infection_of_day(Block& b, int l, Int today) {
  if (b.play.chance && fever_due(b, l, today)) infection(b, l, today);
}

// Once a week: is there a remission to lose, and is it lost?
inline void relapse_of_day(Block& b, int l, Int today) {
  LaneState& lane = b.lane(l);
  if (lane.wakes == today) return wake(b, l, today);
  const Real fraction = b.blast_share(l, b.flesh.total(0, l));
  if (b.lay.looks == 0 && lane.remission == 0 && today % 7 == 0 && fraction < b.setting(S_REMISSION))
    lane.remission = 1;  // no marrow is ever looked at: it is not assessed, but it can be lost
  if (lane.status == DONE || lane.remission == 0) return;
  const bool marrow = lane.remission == 2 || (today % 7 == 0 && fraction >= b.setting(S_RELAPSE_MARROW));
  const bool brain = today % 7 == 0 && b.flesh.cns(0, l) >= b.setting(S_RELAPSE_CNS);
  if (marrow || brain) relapsed(b, l, today, relapse_site(b, marrow, brain, fraction, b.flesh.cns(0, l)));
}

inline void record_of_day(Block& b, int l, Int today) {
  if (!b.rec.keeps(STATES)) return;
  const bool daily = today + 1 < b.play.daily_until || (b.lay.living == 1 && daily_record(b, l, today));
  if ((today + 1) % 7 != 0 && !daily) return;
  note_state(b, l, today + 1, b.flesh.total(0, l), b.blast_share(l, b.flesh.total(0, l)));
}

// The patient's place tomorrow.
inline void clock_of_day(Block& b, int l, Int today) {
  LaneState& lane = b.lane(l);
  if (lane.status != TREATING || lane.stalled != 0) return;
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
  if (lane.day <= phase.days) return;
  if (phase.repeats == 1 && lane.next_phase == -2) {
    begin_days(lane);
    b.place.cycle(lane.phase, l) += 1;
  } else {
    move_on(b, l, today + 1, lane.phase);
  }
}

inline void follow_up_of_day(Block& b, int l, Int today) {
  const LaneState& lane = b.lane(l);
  if (lane.status == AFTER && today >= lane.ended + AFTER_DAYS && needs_no_days(b, l, b.flesh.total(0, l)))
    follow(b, l, today + 1);
}

// --- the day as a list

struct Step {
  const char* name;  // as `remission simulate --timings` says it
  void (*run)(Block&);
  bool (*needed)(const Block&);
};

// A step of one patient, for all who are played today.
template <void (*step)(Block&, int, Int)>
void each(Block& b) {
  for (int l = 0; l < LANES; ++l)
    if (b.place.here[l]) step(b, l, b.today[l]);
}

inline bool always(const Block&) { return true; }
inline bool with_acts(const Block& b) { return b.lay.acts.size > 0; }
inline bool with_levels(const Block& b) { return b.t.level_due.size > 0; }
inline bool with_chance(const Block& b) { return b.play.chance; }
inline bool with_living(const Block& b) { return b.lay.living == 1; }

constexpr Step DAY[] = {
    {"clinic", each<team_of_day>, always},                             // with its laboratory and the doses that it orders
    {"acts", acts_of_day, with_acts},                                  // radiation, grafts, cells: what acts on the day it is given
    {"levels", levels_of_day, with_levels},                            // drug levels that a visit asks for
    {"preparation", responses_of_day, always},                         // how drugs answer in these patients, once
    {"kinetics", kinetics_of_day, always},                             // with the rescue doses that levels ask for
    {"effects", effects_of_day, always},                                // rates on their targets
    {"weeks", unrest_of_day, with_chance},                             // colds and the swing of proliferation
    {"body", body_of_day, always},                                     // leukaemia, normal marrow, blood, CAR T-cells, B cells, cytokine
    {"immunity", immunity_of_day, with_living},                        // marrow that is lost, grades, a product that is ready
    {"few cells", few_cells_of_day, always},                           // where chance plays with single cells
    {"infection", each<infection_of_day>, always},
    {"relapse", each<relapse_of_day>, always},
    {"side effects", harm_of_day, always},                             // and what they or the leukaemia end
    {"record", each<record_of_day>, always},                           // the states of the week
    {"clock", each<clock_of_day>, always},                             // tomorrow's place in the protocol
    {"follow-up", each<follow_up_of_day>, always},                     // week by week to the horizon
};
constexpr int DAY_STEPS = sizeof DAY / sizeof *DAY;
constexpr int EVENING = DAY_STEPS - 7;  // the first step of what follows a day of the body: few cells
static_assert(DAY_STEPS <= MOST_TIMED);

// Is there still something to play of this patient?
inline bool playing(const Block& b, int l) {
  return b.place.lane[l].status != DONE && b.today[l] < b.play.treatment_days;
}

// Before a patient's first day: the first draws, the first record.
inline void begin(Block& b, int l) {
  b.flesh.fever_at(0, l) = b.exponential(l, P_FEVER, 0);
  b.flesh.seed_at(0, l) = b.exponential(l, P_SEED_CLOCK, 0);
  b.flesh.lethal_at(0, l) = std::pow(b.exponential(l, P_LETHAL, 0), 1.0 / b.setting(S_LETHAL_SHAPE));
  if (b.rec.keeps(STATES) && playing(b, l)) note_state(b, l, 0, b.flesh.total(0, l), b.blast_share(l, b.flesh.total(0, l)));
}

// Play one day; false when nobody is left to play.
inline bool play_day(Block& b) {
  bool anyone = false, plays[LANES];
  for (int l = 0; l < LANES; ++l) {
    b.lane(l).visited = -1;
    plays[l] = playing(b, l);
    anyone |= plays[l];
    b.place.here[l] = plays[l] && !asleep(b, l, b.today[l]);
  }
  if (!anyone) return false;
  using Clock = std::chrono::steady_clock;  // read once a step: to read it takes as long as a short step
  Clock::time_point begun = b.play.timings ? Clock::now() : Clock::time_point{};
  for (int s = 0; s < DAY_STEPS; ++s) {
    if (!DAY[s].needed(b)) continue;
    DAY[s].run(b);
    if (!b.play.timings) continue;
    const Clock::time_point now = Clock::now();
    b.spent[s] += std::chrono::duration<Real>(now - begun).count();
    begun = now;
  }
  for (int l = 0; l < LANES; ++l) b.today[l] += plays[l];
  return true;
}

inline void close_runs(Block& b, int l) {
  for (Int slot = 0; slot < b.t.slots.size; ++slot)
    if (b.place.slot(slot, l).run_from >= 0) close_run(b, slot, l);
}

// After a patient's last day: what lasts to the end, and how it ended where nothing happened.
inline void conclude(Block& b, int l) {
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

}  // namespace remission
