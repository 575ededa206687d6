// The morning of a patient: gates, visits, rules and decisions, then the doses of the day.
#pragma once
#include "dosing.hpp"
#include "laboratory.hpp"

namespace remission {

constexpr Int GATE_LIMIT = 120;  // days after which treatment goes on though the counts never came (an event)

inline void transfuse(Block& b, const Rule& rule, int l, Int today, Int phase) {
  const Real ml_per_kg = rule.value;
  if (rule.in_turn == 0) {
    for (int i = 1; i < 5; ++i)
      b.flesh.line(RED_CELLS * STATE_ROWS + i, l) += 0.25 * b.setting(S_RED_RISE) * ml_per_kg;
    b.place.result[l][RESULT_RED] += 1.0;
    b.event(l, today, phase, E_RED, ml_per_kg);
  } else {
    b.flesh.pool(0, l) += b.setting(S_PLT_RISE) * ml_per_kg;
    b.place.result[l][RESULT_PLATELETS] += 1.0;
    b.event(l, today, phase, E_PLATELETS, ml_per_kg);
  }
}

// Blood products do not wait for the next course: they are judged at every count, also before a gate.
inline void transfusions(Block& b, int l, Int today, Int phase) {
  for (Int i = b.t.phases[phase].rules_from; i < b.t.phases[phase].rules_to; ++i) {
    const Rule& rule = b.t.rules[b.t.phase_rules[i]];
    if (rule.kind == TRANSFUSE && b.holds(rule.condition, l)) transfuse(b, rule, l, today, phase);
  }
}

inline void judge_hold(Block& b, Int r, int l, Int today, Int phase) {
  const Rule& rule = b.t.rules[r];
  RuleState& state = b.place.rule(r, l);
  if (state.active == 1) {
    if (!b.holds(rule.until, l)) return;
    state.active = 0;
    const Int k = std::min(state.fired - 1, rule.resume_to - rule.resume_from - 1);
    const Real share = b.t.resume[rule.resume_from + k];
    for (Int j = rule.slots_from; j < rule.slots_to; ++j) {
      SlotState& s = b.place.slot(b.t.rule_slots[j], l);
      if (s.held_by == r) {
        s.held_by = -1;
        if (share < 1.0) s.factor = std::min(s.factor, share);
      }
    }
    b.event(l, today, phase, E_RESUME, static_cast<Real>(r));
  } else if (b.holds(rule.condition, l)) {
    state.active = 1;
    state.fired += 1;
    for (Int j = rule.slots_from; j < rule.slots_to; ++j) {
      SlotState& s = b.place.slot(b.t.rule_slots[j], l);
      if (s.held_by < 0) s.held_by = r;
    }
    b.event(l, today, phase, E_HOLD, static_cast<Real>(r));
  }
}

// Multiply the running factor once the condition was true long enough; a held drug is not adjusted.
inline void judge_adjust(Block& b, Int r, bool true_now, int l, Int today, Int phase) {
  const Rule& rule = b.t.rules[r];
  RuleState& state = b.place.rule(r, l);
  bool held = false;
  for (Int j = rule.slots_from; j < rule.slots_to; ++j) held |= b.place.slot(b.t.rule_slots[j], l).held_by >= 0;
  if (!true_now || held) {
    state.since = -1;
    state.true_visits = 0;
    return;
  }
  if (state.since < 0) state.since = today;
  state.true_visits += 1;
  if (today - state.since < rule.days || state.true_visits < rule.visits) return;
  state.since = -1;
  state.true_visits = 0;
  bool changed = false;
  for (Int j = rule.slots_from; j < rule.slots_to; ++j) {
    if (rule.in_turn == 1 && state.fired % (rule.slots_to - rule.slots_from) != j - rule.slots_from) continue;
    SlotState& s = b.place.slot(b.t.rule_slots[j], l);
    const Real old = s.factor, wanted = old * rule.value;
    const Real now = rule.value > 1.0 ? std::max(old, std::min(wanted, rule.high))
                                      : std::min(old, std::max(wanted, rule.low));
    if (now != old) {
      s.factor = now;
      changed = true;
    }
  }
  state.fired += 1;
  if (changed) b.event(l, today, phase, rule.value > 1.0 ? E_RAISE : E_REDUCE, static_cast<Real>(r));
}

inline void judge_limit(Block& b, Int r, bool true_now, int l, Int today, Int phase) {
  const Rule& rule = b.t.rules[r];
  RuleState& state = b.place.rule(r, l);
  if (true_now && state.active == 0) b.event(l, today, phase, E_REDUCE, static_cast<Real>(r));
  state.active = true_now;
  if (true_now)
    for (Int j = rule.slots_from; j < rule.slots_to; ++j) {
      SlotState& s = b.place.slot(b.t.rule_slots[j], l);
      s.limit = std::min(s.limit, rule.value);
    }
}

inline void judge_stop(Block& b, Int r, bool true_now, int l, Int today, Int phase) {
  const Rule& rule = b.t.rules[r];
  RuleState& state = b.place.rule(r, l);
  if (!true_now || state.active == 1) return;
  state.active = 1;
  for (Int j = rule.slots_from; j < rule.slots_to; ++j) {
    const Slot& stopped = b.t.slots[b.t.rule_slots[j]];
    for (Int slot = 0; slot < b.t.slots.size; ++slot)  // in every phase to come as well
      if (b.t.slots[slot].agent == stopped.agent && b.t.slots[slot].route == stopped.route)
        b.place.slot(slot, l).stopped = 1;
  }
  b.event(l, today, phase, E_STOP, static_cast<Real>(r));
}

// One rule at one visit.
inline void judge(Block& b, Int r, int l, Int today, Int phase) {
  const Rule& rule = b.t.rules[r];
  switch (rule.kind) {
    case HOLD: judge_hold(b, r, l, today, phase); break;
    case ADJUST: judge_adjust(b, r, b.holds(rule.condition, l), l, today, phase); break;
    case LIMIT: judge_limit(b, r, b.holds(rule.condition, l), l, today, phase); break;
    case STOP: judge_stop(b, r, b.holds(rule.condition, l), l, today, phase); break;
    case TRANSFUSE:
      if (b.holds(rule.condition, l)) transfuse(b, rule, l, today, phase);
      break;
    default: break;  // judged elsewhere: omit and repeat with each dose, start with the phase, rescue by the hour
  }
}

// First day of a phase: note it, set the starting doses that the person calls for.
inline void enter(Block& b, int l, Int today, Int phase) {
  LaneState& lane = b.lane(l);
  lane.status = TREATING;
  lane.day = 1;
  b.place.began(phase, l) = today;
  lane.gate_from = -1;
  b.event(l, today, phase, E_PHASE, static_cast<Real>(phase));
  for (Int i = b.t.phases[phase].rules_from; i < b.t.phases[phase].rules_to; ++i) {
    const Rule& rule = b.t.rules[b.t.phase_rules[i]];
    if (rule.kind == START && b.holds(rule.condition, l))
      for (Int j = rule.slots_from; j < rule.slots_to; ++j) b.place.slot(b.t.rule_slots[j], l).factor = rule.value;
  }
}

// The phase is over: wait for the next one, or the end of treatment.
inline void move_on(Block& b, int l, Int tomorrow, Int phase) {
  LaneState& lane = b.lane(l);
  const Int following = lane.next_phase == -2 ? b.t.phases[phase].next : lane.next_phase;
  lane.next_phase = -2;
  if (following < 0) {
    lane.status = AFTER;
    lane.ended = tomorrow;
    b.place.result[l][RESULT_END_DAY] = static_cast<Real>(tomorrow);
    b.event(l, tomorrow, phase, E_END, 0.0);
  } else {
    lane.phase = following;
    lane.status = WAITING;
    lane.gate_from = tomorrow + b.t.phases[following].rest;
    lane.gate_check = lane.gate_from;
  }
}

// Has a repeating phase reached its end date?
inline bool cycles_over(Block& b, int l, Int today, Int phase) {
  for (Int i = b.t.phases[phase].until_from; i < b.t.phases[phase].until_to; ++i) {
    const Until& until = b.t.untils[i];
    if (until.condition < 0 || b.holds(until.condition, l)) {
      const Int began = until.phase < 0 ? 0 : std::max<Int>(0, b.place.began(until.phase, l));
      return today >= began + until.days;
    }
  }
  return false;
}

// Note how long a gate kept the patient waiting, and whether it was ever met.
inline void delayed(Block& b, int l, Int today, Int phase, bool met) {
  const Int waited = today - b.lane(l).gate_from;
  if (!met) b.event(l, today, phase, E_FORCED, 0.0);
  if (waited > 0) {
    b.event(l, today, phase, E_GATE, static_cast<Real>(waited));
    b.place.result[l][RESULT_DELAY] += static_cast<Real>(waited);
  }
}

// Counts, examinations, rules and decisions of a visit. False when the patient has left the protocol.
inline bool visit(Block& b, const DayOfPhase& at, bool measured, int l, Int today, Int phase) {
  const Tables& t = b.t;
  if (!measured) measure(b, l, today);
  const Real total = b.flesh.total(0, l);
  note_counts(b, l, today, phase, b.lane(l).day);
  examine(b, l, at.checks, today, phase, total, b.blast_share(l, total));
  if (t.phases[phase].repeats == 1) {
    b.place.result[l][RESULT_VISITS] += 1.0;
    const Real anc = b.place.seen(V_ANC, l);
    if (0.5 <= anc && anc <= 1.5) b.place.result[l][RESULT_IN_TARGET] += 1.0;
  }
  const Int first = t.phases[phase].rules_from, last = t.phases[phase].rules_to;
  for (Int i = first; i < last; ++i) {
    const Rule& rule = t.rules[t.phase_rules[i]];
    if (rule.kind == LIMIT)
      for (Int j = rule.slots_from; j < rule.slots_to; ++j) b.place.slot(t.rule_slots[j], l).limit = 1.0;
  }
  for (Int i = first; i < last; ++i) judge(b, t.phase_rules[i], l, today, phase);
  for (Int i = at.decide_from; i < at.decide_to; ++i) {
    const Decide& decide = t.decides[i];
    if (!b.holds(decide.condition, l)) continue;
    if (decide.action == 1) {
      b.event(l, today, phase, E_LEFT, static_cast<Real>(decide.target));
      b.place.result[l][RESULT_OUTCOME] = LEFT;
      b.place.result[l][RESULT_DAY] = static_cast<Real>(today);
      b.place.result[l][RESULT_LEFT] = static_cast<Real>(decide.target);
      b.lane(l).status = DONE;
      return false;
    }
    b.event(l, today, phase, E_GOTO, static_cast<Real>(decide.target));
    b.lane(l).next_phase = decide.target;
    break;
  }
  return true;
}

// Everything that the team does for one patient on one day, before the day's doses act.
inline void morning(Block& b, int l, Int today) {
  const Tables& t = b.t;
  LaneState& lane = b.lane(l);
  Int phase = lane.phase;
  bool measured = false;
  if (lane.status != WAITING && t.phases[phase].repeats == 1 && cycles_over(b, l, today, phase)) {
    move_on(b, l, today, phase);
    phase = lane.phase;
    if (lane.status != WAITING) return;
  }
  if (lane.status == WAITING) {
    if (today < lane.gate_check) return;
    bool met = true;
    if (t.phases[phase].gate >= 0) {
      measure(b, l, today);
      measured = true;
      note_counts(b, l, today, phase, 0);
      met = b.holds(t.phases[phase].gate, l);
      transfusions(b, l, today, phase);
      if (!met && today - lane.gate_from < GATE_LIMIT) {
        lane.gate_check = today + t.phases[phase].recheck;
        return;
      }
    }
    delayed(b, l, today, phase, met);
    enter(b, l, today, phase);
    if (t.phases[phase].repeats == 1 && cycles_over(b, l, today, phase)) {
      move_on(b, l, today, phase);
      return;
    }
  }
  const DayOfPhase& at = t.days[t.phases[phase].start + lane.day - 1];
  lane.stalled = 0;
  if (at.wait >= 0 && lane.wait_passed == 0) {
    if (lane.gate_from < 0) lane.gate_from = lane.gate_check = today;
    if (today < lane.gate_check) {
      lane.stalled = 1;
      return;
    }
    if (!measured) {
      measure(b, l, today);
      measured = true;
    }
    const bool met = b.holds(at.wait, l);
    if (!met && today - lane.gate_from < GATE_LIMIT) {
      note_counts(b, l, today, phase, lane.day);
      transfusions(b, l, today, phase);
      lane.gate_check = today + t.phases[phase].recheck;
      lane.stalled = 1;
      return;
    }
    delayed(b, l, today, phase, met);
    lane.wait_passed = 1;
  }
  if ((at.visit == 1 || measured) && !visit(b, at, measured, l, today, phase)) return;
  for (Int i = at.due_from; i < at.due_to; ++i) give(b, t.due[i], l, today, phase);
}

}  // namespace remission
