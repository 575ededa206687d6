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

// Is there nothing left that the rule could act on?
inline bool all_stopped(Block& b, const Rule& rule, int l) {
  for (Int j = rule.slots_from; j < rule.slots_to; ++j)
    if (b.place.slot(b.t.rule_slots[j], l).stopped == 0) return false;
  return rule.slots_to > rule.slots_from;
}

// Has the rule's condition been true at every visit for as long as it asks?
inline bool lasted(Block& b, Int r, bool true_now, int l, Int today) {
  const Rule& rule = b.t.rules[r];
  RuleState& state = b.place.rule(r, l);
  if (true_now) {
    if (state.since < 0) state.since = today;
    state.true_visits += 1;
    if (today - state.since < rule.days || state.true_visits < rule.visits) return false;
  }
  state.since = -1;
  state.true_visits = 0;
  return true_now;
}

// Another hold of this phase that still stands for the slot, or -1.
inline Int also_held_by(Block& b, Int slot, int l, Int phase) {
  for (Int i = b.t.phases[phase].rules_from; i < b.t.phases[phase].rules_to; ++i) {
    const Int r = b.t.phase_rules[i];
    if (b.t.rules[r].kind != HOLD || b.place.rule(r, l).active != 1) continue;
    for (Int j = b.t.rules[r].slots_from; j < b.t.rules[r].slots_to; ++j)
      if (b.t.rule_slots[j] == slot) return r;
  }
  return -1;
}

inline void judge_hold(Block& b, Int r, int l, Int today, Int phase) {
  const Rule& rule = b.t.rules[r];
  RuleState& state = b.place.rule(r, l);
  LaneState& lane = b.lane(l);
  if (all_stopped(b, rule, l)) {
    state.active = 0;
    return;
  }
  if (state.active == 1) {
    if (!lasted(b, r, b.holds(rule.until, l), l, today)) return;
    state.active = 0;
    const Int longest = b.t.phases[phase].extra_longest;
    const Int k = std::min(state.fired - 1, rule.resume_to - rule.resume_from - 1);
    const Real share = b.t.resume[rule.resume_from + k];
    bool free = false;
    for (Int j = rule.slots_from; j < rule.slots_to; ++j) {
      const Int slot = b.t.rule_slots[j];
      SlotState& s = b.place.slot(slot, l);
      if (s.held_by != r) continue;
      if (share < 1.0) s.factor = std::min(s.factor, share);
      s.held_by = also_held_by(b, slot, l, phase);
      if (s.held_by >= 0) {
        RuleState& other = b.place.rule(s.held_by, l);
        other.held_from = std::min(other.held_from, state.held_from);
        continue;
      }
      free = true;
      if (b.t.slots[slot].made_up == 1 && 0 < longest && longest < today - state.held_from) lane.again = 1;
    }
    if (free) b.event(l, today, phase, E_RESUME, static_cast<Real>(r));
  } else if (b.holds(rule.condition, l)) {
    state.active = 1;
    state.fired += 1;
    state.held_from = today;
    lane.cut = std::max<Int>(lane.cut, 1);
    for (Int j = rule.slots_from; j < rule.slots_to; ++j) {
      SlotState& s = b.place.slot(b.t.rule_slots[j], l);
      if (s.held_by < 0) s.held_by = r;
    }
    b.event(l, today, phase, E_HOLD, static_cast<Real>(r));
  }
}

// Multiply the running factor once the condition was true long enough; what is held or stopped is not adjusted.
inline void judge_adjust(Block& b, Int r, bool true_now, int l, Int today, Int phase) {
  const Rule& rule = b.t.rules[r];
  RuleState& state = b.place.rule(r, l);
  bool held = all_stopped(b, rule, l);
  for (Int j = rule.slots_from; j < rule.slots_to; ++j) held |= b.place.slot(b.t.rule_slots[j], l).held_by >= 0;
  if (!lasted(b, r, true_now && !held, l, today)) return;
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
  if (true_now && state.active == 0 && !all_stopped(b, rule, l)) b.event(l, today, phase, E_REDUCE, static_cast<Real>(r));
  state.active = true_now;
  if (true_now)
    for (Int j = rule.slots_from; j < rule.slots_to; ++j) {
      SlotState& s = b.place.slot(b.t.rule_slots[j], l);
      s.limit = std::min(s.limit, rule.value);
    }
}

// Do two slots stand for one agent by one route?
inline bool same_drug(const Tables& t, Int slot, Int other) {
  return t.slots[slot].agent == t.slots[other].agent && t.slots[slot].route == t.slots[other].route;
}

// A rule that stops agents for good, in every phase to come as well.
inline void judge_stop(Block& b, Int r, int l, Int today, Int phase) {
  const Rule& rule = b.t.rules[r];
  const bool true_now = b.holds(rule.condition, l);
  if (all_stopped(b, rule, l) || !lasted(b, r, true_now, l, today)) return;
  b.lane(l).cut = std::max<Int>(b.lane(l).cut, 1);
  for (Int j = rule.slots_from; j < rule.slots_to; ++j)
    for (Int slot = 0; slot < b.t.slots.size; ++slot)
      if (same_drug(b.t, slot, b.t.rule_slots[j])) b.place.slot(slot, l).stopped = 1;
  b.event(l, today, phase, E_STOP, static_cast<Real>(r));
}

// Running infusions end this morning: of what is held in this phase or stopped, or all of them (`cut` is 2).
inline void disconnect(Block& b, int l, Int today, Int phase) {
  const Tables& t = b.t;
  LaneState& lane = b.lane(l);
  std::vector<Int> flowing, open;  // forms of which something flows in; slots with a run of doses that may
  for (Int f = 0; f < t.forms.size; ++f)
    if (b.drugs.left(f, l) != 0.0) flowing.push_back(f);
  for (Int slot = 0; slot < t.slots.size; ++slot)
    if (const SlotState& s = b.place.slot(slot, l); s.run_from >= 0 && s.run_tau > 0.0) open.push_back(slot);
  for (Int slot = 0; slot < t.slots.size; ++slot) {
    Reason reason = R_CUT_BY_END;
    if (lane.cut == 1) {
      if (b.place.slot(slot, l).stopped == 1)
        reason = R_CUT_BY_STOP;
      else if (b.place.slot(slot, l).held_by >= 0 && t.slots[slot].phase == phase)
        reason = R_CUT_BY_HOLD;
      else
        continue;
    }
    for (Int f : flowing)
      if (t.forms[f].agent == t.slots[slot].agent && t.forms[f].route == t.slots[slot].route) b.drugs.left(f, l) = 0.0;
    if (b.rec.keeps(DOSES))
      for (Int other : open)
        if (same_drug(t, other, slot)) cut_run(b, other, l, today, reason);
  }
  lane.cut = 0;
}

// One rule at one visit.
inline void judge(Block& b, Int r, int l, Int today, Int phase) {
  const Rule& rule = b.t.rules[r];
  switch (rule.kind) {
    case HOLD: judge_hold(b, r, l, today, phase); break;
    case ADJUST: judge_adjust(b, r, b.holds(rule.condition, l), l, today, phase); break;
    case LIMIT: judge_limit(b, r, b.holds(rule.condition, l), l, today, phase); break;
    case TRANSFUSE:
      if (b.holds(rule.condition, l)) transfuse(b, rule, l, today, phase);
      break;
    default: break;  // judged elsewhere: stop before the others, omit and repeat with each dose, start with the phase,
                     // rescue by the hour, make up in the evening
  }
}

// A phase or a cycle begins: its first day, nothing to make up.
inline void begin_days(LaneState& lane) {
  lane.day = 1;
  lane.extra = lane.extended = lane.owed = 0;
}

// Is the patient one whom another protocol is for (`entry`: its `for`, a condition or -1), at today's age?
inline bool may_enter(Block& b, Int entry, int l, Int today) {
  if (entry < 0) return true;
  Real& age = b.place.seen(V_AGE, l);
  const Real at_first = age;
  age = b.person(l).age_y + static_cast<Real>(today) / 365.25;
  count_relapses(b, l);
  const bool meets = b.holds(entry, l);
  age = at_first;
  return meets;
}

// First day of a phase: note it, set the starting doses that the person calls for.
inline void enter(Block& b, int l, Int today, Int phase) {
  LaneState& lane = b.lane(l);
  lane.status = TREATING;
  b.place.began(phase, l) = today;
  b.place.cycle(phase, l) += 1;
  lane.bsa_m2 = b.place.seen(V_BSA, l) = b.size_on(l, today, 0);
  lane.weight_kg = b.place.seen(V_WEIGHT, l) = b.size_on(l, today, 1);
  begin_days(lane);
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
  const Phase& left = b.t.phases[phase];
  Int following = lane.next_phase;
  if (following == -2) {
    following = left.next;
    if (following >= 0 && !may_enter(b, left.next_for, l, tomorrow)) {
      b.event(l, tomorrow, phase, E_NOT_FOR, static_cast<Real>(following));
      following = -1;
    }
  }
  lane.next_phase = -2;
  for (Int i = left.rules_from; i < left.rules_to; ++i) b.place.rule(b.t.phase_rules[i], l).active = 0;  // holds end
  for (Int slot = 0; slot < b.t.slots.size; ++slot)
    if (b.t.slots[slot].phase == phase) b.place.slot(slot, l).held_by = -1;
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
  auto began = [&](const Until& until) { return until.phase < 0 ? 0 : std::max<Int>(0, b.place.began(until.phase, l)); };
  bool perhaps = false;
  for (Int i = b.t.phases[phase].until_from; i < b.t.phases[phase].until_to; ++i)
    perhaps |= today >= began(b.t.untils[i]) + b.t.untils[i].days;
  if (!perhaps) return false;  // whichever of them is the patient's
  for (Int i = b.t.phases[phase].until_from; i < b.t.phases[phase].until_to; ++i) {
    const Until& until = b.t.untils[i];
    if (until.condition < 0 || b.holds(until.condition, l)) return today >= began(until) + until.days;
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
inline bool visit(Block& b, Int row, bool measured, int l, Int today, Int phase) {
  const Tables& t = b.t;
  const DayOfPhase& at = t.days[row];
  LaneState& lane = b.lane(l);
  number_sample(b, l, phase, lane.day, lane.extra * lane.extended);
  if (!measured) measure(b, l);
  lane.visited = row;
  const Real total = b.flesh.total(0, l);
  note_counts(b, l, today, phase, lane.day, b.place.cycle(phase, l));
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
  for (Int i = first; i < last; ++i)  // first: what is stopped is neither held nor resumed
    if (t.rules[t.phase_rules[i]].kind == STOP) judge_stop(b, t.phase_rules[i], l, today, phase);
  for (Int i = first; i < last; ++i) judge(b, t.phase_rules[i], l, today, phase);
  for (Int i = at.decide_from; i < at.decide_to; ++i) {
    const Decide& decide = t.decides[i];
    if (!b.holds(decide.condition, l)) continue;
    if (decide.action == 1) {
      b.event(l, today, phase, E_LEFT, static_cast<Real>(decide.target));
      b.place.result[l][RESULT_OUTCOME] = LEFT;
      b.place.result[l][RESULT_DAY] = static_cast<Real>(today);
      b.place.result[l][RESULT_LEFT] = static_cast<Real>(decide.target);
      lane.status = DONE;
      return false;
    }
    if (!may_enter(b, decide.entry, l, today)) {
      b.event(l, today, phase, E_NOT_FOR, static_cast<Real>(decide.target));
      continue;
    }
    b.event(l, today, phase, E_GOTO, static_cast<Real>(decide.target));
    lane.next_phase = decide.target;
    break;
  }
  return true;
}

// Everything that the team does for one patient on one day, before the day's doses act.
inline void morning(Block& b, int l, Int today) {
  const Tables& t = b.t;
  LaneState& lane = b.lane(l);
  Int phase = lane.phase;
  lane.visited = -1;
  if (lane.cut == 2) disconnect(b, l, today, phase);
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
      number_sample(b, l, phase, 0, today - lane.gate_from);
      measure(b, l);
      measured = true;
      met = b.holds(t.phases[phase].gate, l);
      transfusions(b, l, today, phase);
      if (!met && today - lane.gate_from < GATE_LIMIT) {
        note_counts(b, l, today, phase, 0, b.place.cycle(phase, l) + 1);
        lane.gate_check = today + t.phases[phase].recheck;
        return;
      }
    }
    delayed(b, l, today, phase, met);
    enter(b, l, today, phase);
    if (t.phases[phase].repeats == 1 && cycles_over(b, l, today, phase)) {
      if (measured) note_counts(b, l, today, phase, 1, b.place.cycle(phase, l));
      move_on(b, l, today, phase);
      return;
    }
  }
  Int row = lane.extra == 1 ? t.phases[phase].extra : t.phases[phase].start + lane.day - 1;
  const DayOfPhase& at = t.days[row];
  lane.stalled = 0;
  if (at.wait >= 0 && lane.wait_passed == 0) {
    if (lane.gate_from < 0) lane.gate_from = lane.gate_check = today;
    if (today < lane.gate_check) {
      lane.stalled = 1;
      return;
    }
    if (!measured) {
      number_sample(b, l, phase, lane.day, today - lane.gate_from);
      measure(b, l);
      measured = true;
    }
    const bool met = b.holds(at.wait, l);
    if (!met && today - lane.gate_from < GATE_LIMIT) {
      note_counts(b, l, today, phase, lane.day, b.place.cycle(phase, l));
      transfusions(b, l, today, phase);
      lane.gate_check = today + t.phases[phase].recheck;
      lane.stalled = 1;
      return;
    }
    delayed(b, l, today, phase, met);
    lane.wait_passed = 1;
  }
  if (at.visit == 1 || measured) {
    if (!visit(b, row, measured, l, today, phase)) return;
    if (lane.cut > 0) disconnect(b, l, today, phase);
    if (lane.again == 1) {
      b.event(l, today, phase, E_AGAIN, static_cast<Real>(phase));
      enter(b, l, today, phase);
      lane.again = 0;
      row = t.phases[phase].start;
    }
  }
  for (Int i = t.days[row].due_from; i < t.days[row].due_to; ++i) give(b, t.due[i], l, today, phase);
}

}  // namespace remission
