// How it ends: infection, relapse, death, cure.
#pragma once
#include "clinic.hpp"
#include "few_cells.hpp"
#include "side_effects.hpp"

namespace remission {

constexpr std::uint32_t P_FEVER = chance::purpose("fever");
constexpr std::uint32_t P_BLOODSTREAM = chance::purpose("bloodstream infection");
constexpr std::uint32_t P_DEATH = chance::purpose("death from infection");
constexpr std::uint32_t AT_RELAPSE = 12;  // added to the purpose of a clone, see few_cells.hpp
constexpr std::uint32_t P_LETHAL = chance::purpose("death from leukaemia");
constexpr Int MOST_RELAPSES = 9;  // that are treated
constexpr Int DAILY_RECORD_DAYS = 60;
constexpr Int REFRACTORY_DAYS = 56;  // two courses without a remission
constexpr Int FOLLOW_DAYS = 7;       // step of the follow-up
constexpr Int ALWAYS = 2;            // a phase spares the lining, in remission (1) or always

inline void finish(Block& b, int l, Outcome outcome, Int today) {
  b.place.result[l][RESULT_OUTCOME] = outcome;
  b.place.result[l][RESULT_DAY] = static_cast<Real>(today);
  b.lane(l).status = DONE;
}

inline void die(Block& b, int l, Int today, Int cause) {
  b.event(l, today, b.lane(l).phase, E_DEATH, static_cast<Real>(cause));
  b.place.result[l][RESULT_CAUSE] = static_cast<Real>(cause);
  finish(b, l, DEATH, today);
}

// Mouth and gut are whole: maintenance, an inhibitor of BCR::ABL1 without chemotherapy, or an antibody alone in remission.
inline bool whole_lining(Block& b, int l) {
  const Phase& phase = b.t.phases[b.lane(l).phase];
  return phase.spares == ALWAYS || (phase.spares == 1 && b.blast_share(l, b.flesh.total(0, l)) < b.setting(S_REMISSION));
}

// Add today's hazard of fever, by neutrophil count, and say whether it has reached the next fever: the arrivals of an
// inhomogeneous Poisson process are those of a plain one on the clock of the summed hazard.
inline bool fever_due(Block& b, int l, Int today) {
  const LaneState& lane = b.lane(l);
  const Real anc = b.circulating(NEUTROPHILS, l);
  if ((lane.status == AFTER && anc >= 0.5) ||
      static_cast<Real>(today - lane.last_fever) < b.setting(S_FEVER_PAUSE))
    return false;
  Real hazard = b.setting(anc < 0.1 ? S_H1 : anc < 0.5 ? S_H2 : anc < 1.0 ? S_H3 : S_H4);
  hazard *= b.person(l).frailty;
  if (whole_lining(b, l)) hazard *= b.setting(S_H_WHOLE);
  b.flesh.fever(0, l) += hazard / (1.0 + b.flesh.daily(FEVER, l));
  return b.flesh.fever(0, l) >= b.flesh.fever_at(0, l);
}

// Fever: some fevers are bloodstream infections, more on steroids and after a relapse; some of those kill, by the same and
// by the person.
inline void infection(Block& b, int l, Int today) {
  LaneState& lane = b.lane(l);
  const Real anc = b.circulating(NEUTROPHILS, l);
  b.flesh.fever(0, l) = 0.0;
  lane.last_fever = today;
  b.place.result[l][RESULT_FEVERS] += 1.0;
  const Int number = static_cast<Int>(b.place.result[l][RESULT_FEVERS]);
  b.flesh.fever_at(0, l) = b.exponential(l, P_FEVER, number);
  b.event(l, today, lane.phase, E_FEVER, anc);
  const bool again = b.person(l).relapsed > 0.0 || lane.relapses > 0;
  const bool first = today - lane.relapsed_on < b.setting(S_BSI_DAYS);  // who enters with a relapse has it on day 0
  const Real often = again ? b.setting(first ? S_BSI_FIRST : S_BSI_AGAIN) : 1.0;
  const Real share = b.setting(anc < 0.5 ? S_BSI : S_BSI_ABOVE) * often *
                     b.person(l).bacteraemia * (1.0 + b.flesh.daily(INFECTION, l));
  if (b.uniform(l, P_BLOODSTREAM, number) >= -std::expm1(-share)) return;
  b.place.result[l][RESULT_BLOODSTREAM] += 1.0;
  b.event(l, today, lane.phase, E_BLOODSTREAM, anc);
  const bool grafted = b.flesh.immune[l].transplant_day >= 0;
  const auto& person = b.person(l);
  const Real lethality = grafted          ? person.lethality_grafted
                         : first && !again ? person.lethality_first  // the month in which they come
                                           : person.lethality;
  const Real lethal = b.setting(again ? S_BSI_RELAPSED : S_BSI_DEATH) * lethality * (1.0 + b.flesh.daily(INFECTION_DEATH, l));
  if (b.uniform(l, P_DEATH, number) < lethal / (1.0 + lethal)) die(b, l, today, CAUSE_INFECTION);  // odds
}

// What a clone that fades felt less is felt less by the relapse, to the power of what it keeps and of its part in it.
inline void keep_resistance(Block& b, int l) {
  const Flesh& flesh = b.flesh;
  const Real total = b.leukaemic_cells(l);
  for (Int c = 1; c < b.lay.clones() && total > 0.0; ++c) {
    const Real power = b.lay.clone_keeps[c] * (flesh.cells(2 * c, l) + flesh.cells(2 * c + 1, l)) / total;
    if (!(power > 0.0)) continue;
    for (Int i = 0; i < b.lay.members.size; ++i) {
      if (b.lay.effect_target[i] != BLASTS && b.lay.effect_target[i] != BLOOD) continue;
      const Real typical = b.lay.clone_kill[c * b.lay.pools() + b.lay.effect_pool[i]];
      if (typical == 1.0 || typical == 0.0) continue;  // 0: the agent has numbers of its own for the clone
      const Real times = std::pow(std::min(1.0, typical * b.q.felt(c, l)), power);
      b.work.size(i, l) *= times;
      b.work.size_rest(i, l) *= times;
    }
  }
}

// How many cells rest in a leukaemia is in part its own, in part of this growth: the first relapse has another share of them.
inline void rests_anew(Block& b, int l) {
  const Real times = b.q.rests_again(0, l);
  if (times == 1.0 || b.lane(l).relapses > 0) return;
  b.flesh.rests(0, l) = times;
  Real &cycling = b.flesh.cells(0, l), &resting = b.flesh.cells(1, l);
  const Real to_rest = b.q.to_rest(0, l) * times, leave = b.q.birth(0, l) - b.person(l).death + b.q.wake(0, l);
  const Real both = cycling + resting, rest = std::floor(std::min(to_rest / (leave + to_rest), 0.5) * both);
  cycling = both - rest;
  resting = rest;
}

// What has grown to a relapse is its main clone, also if it resisted: what is lost is lost by all that grows. Clones that
// resist are in it as in a leukaemia of its size at diagnosis, or more by what treatment has selected; like mutants they
// come by chance.
inline void clones_anew(Block& b, int l, Real lost) {
  Flesh& flesh = b.flesh;
  for (Int c = 1; c < b.lay.clones(); ++c) {
    if (b.lay.clone_fades[c] == 0) continue;
    for (Int pool = 0; pool < 2; ++pool) {
      flesh.cells(pool, l) += flesh.cells(2 * c + pool, l);
      flesh.cells(2 * c + pool, l) = 0.0;
    }
  }
  rests_anew(b, l);
  if (!b.play.chance) return;
  const Real birth = b.birth(0, l), growth = std::max(birth - b.person(l).death, LEAST_GROWTH), total = flesh.cells(0, l);
  for (Int c = 1; c < b.lay.clones(); ++c) {
    if (b.lay.clone_fades[c] == 0) continue;
    const Real u = b.uniform(l, static_cast<std::uint32_t>(b.lay.clone_purpose[c]) + AT_RELAPSE, b.lane(l).relapses);
    const Real mutants = b.q.mutation(c, l) * total * std::pow(b.lay.clone_anew[c], lost);
    flesh.cells(2 * c, l) = std::floor(std::min(preexisting(mutants * birth / growth, u), 0.1 * total));
    flesh.cells(0, l) -= flesh.cells(2 * c, l);
  }
}

// How much of the loss of sensitivity a relapse brings, as a power of the factor: all of it early, a share late.
inline Real loss(const Block& b, Int days) {
  const Real early = b.setting(S_LOSS_EARLY), late = b.setting(S_LOSS_LATE);
  const Real way = std::clamp((static_cast<Real>(days) - early) / (late - early), 0.0, 1.0);
  return 1.0 - (1.0 - b.setting(S_LOSS_SHARE)) * way;
}

// From the first relapse on it grows faster: the factor of the net growth is raised to the power of what is lost.
inline void grow_anew(Block& b, int l, Real lost) {
  const Real death = b.person(l).death;
  for (Int c = 0; c < b.lay.clones(); ++c) {
    const Real times = b.q.faster_again(c, l), birth = b.q.birth(c, l), net = birth - death;
    const bool plain = times == 1.0 || lost == 1.0 || net <= 0.0;
    b.flesh.faster(c, l) = plain ? times : (death + net * std::pow((birth * times - death) / net, lost)) / birth;
  }
}

// The leukaemia is back: the end, or the protocol's way on.
inline void relapsed(Block& b, int l, Int today, Int site) {
  LaneState& lane = b.lane(l);
  b.event(l, today, lane.phase, E_RELAPSE, static_cast<Real>(site));
  if (std::isnan(b.place.result[l][RESULT_RELAPSE])) {
    b.place.result[l][RESULT_SITE] = static_cast<Real>(site);
    b.place.result[l][RESULT_RELAPSE] = static_cast<Real>(today);
  }
  if (site > 0) b.place.seen(V_CNS, l) = 3.0;  // a relapse in the CNS: from now on CNS3
  b.place.seen(V_AGE, l) = b.person(l).age_y + static_cast<Real>(today) / 365.25;  // what follows goes by the age of today
  keep_resistance(b, l);
  const Real lost = loss(b, today - lane.relapsed_on);
  if (lane.relapses == 0) grow_anew(b, l, lost);
  clones_anew(b, l, lost);
  for (Int i = 0; i < b.lay.members.size; ++i) {  // what grows again is what the drugs spared
    const Real times = lost == 1.0 ? b.q.effect_relapse(i, l) : std::pow(b.q.effect_relapse(i, l), lost);
    b.work.size(i, l) *= times;
    b.work.size_rest(i, l) *= times;
  }
  lane.lost += lost;
  lane.relapsed_on = today;
  lane.relapses += 1;
  if (b.lay.on_relapse < 0 || lane.relapses > MOST_RELAPSES) {
    finish(b, l, RELAPSE, today);
    return;
  }
  if (!may_enter(b, b.lay.on_relapse_for, l, today)) {
    b.event(l, today, lane.phase, E_NOT_FOR, static_cast<Real>(b.lay.on_relapse));
    finish(b, l, RELAPSE, today);
    return;
  }
  lane.cut = 2;  // whatever runs is taken off next morning
  lane.remission = 0;
  lane.next_phase = -2;
  lane.phase = b.lay.on_relapse;
  lane.status = WAITING;
  lane.stalled = 0;
  lane.wait_passed = 0;
  lane.gate_from = lane.gate_check = today + 1;
}

// 0 marrow, 1 CNS, 2 both (5 % of blasts in marrow or a tenth of the CNS threshold count as involved).
inline Int relapse_site(const Block& b, bool marrow, bool brain, Real fraction, Real cns) {
  if (brain && fraction >= b.setting(S_REMISSION)) return 2;
  if (marrow && cns >= 0.1 * b.setting(S_RELAPSE_CNS)) return 2;
  return marrow ? 0 : 1;
}

// Death from leukaemia that has come back and is not held, by the share of blasts in the marrow or by the cells in the CNS.
inline void leukaemia_kills(Block& b, int l, Int today) {
  const Real lethal = b.setting(S_LETHAL);
  const LaneState& lane = b.lane(l);
  const bool refractory = lane.remission == 0 && today >= REFRACTORY_DAYS;
  if (!(lethal > 0.0) || !(b.person(l).relapsed > 0.0 || lane.relapses > 0 || refractory)) return;
  const Real share = b.blast_share(l, b.flesh.total(0, l));
  const Real cns = b.flesh.cns(0, l);
  const Real marrow = share >= b.setting(S_RELAPSE_MARROW) ? share : 0.0;
  const Real brain = cns >= b.setting(S_RELAPSE_CNS) ? cns / (cns + b.setting(S_LETHAL_CNS)) : 0.0;
  b.flesh.lethal(0, l) += lethal * std::max(marrow, brain);
  if (b.flesh.lethal(0, l) >= b.flesh.lethal_at(0, l)) die(b, l, today, CAUSE_LEUKAEMIA);
}

// Cytokine release that kills; other illness; side effects of drugs and grafts, some fatal; the leukaemia.
inline void harm_of_day(Block& b) {
  if (!b.play.chance) return;
  WideInt at_risk{};
  for (int l = 0; l < LANES; ++l) {
    if (!b.place.here[l] || b.lane(l).status == DONE) continue;
    if (b.flesh.immune[l].fatal == 1)
      die(b, l, b.today[l], CAUSE_CRS);
    else if (static_cast<Real>(b.today[l]) >= b.person(l).dies_on)
      die(b, l, b.today[l], CAUSE_OTHER);
    else
      at_risk[l] = -1;
  }
  if (!any(at_risk)) return;
  Int killer[LANES];
  std::fill_n(killer, LANES, -1);
  side_effects_of_day(b, at_risk, killer);
  for (int l = 0; l < LANES; ++l) {
    if (!at_risk[l]) continue;
    if (killer[l] >= 0)
      die(b, l, b.today[l], FIRST_CAUSE + killer[l]);
    else
      leukaemia_kills(b, l, b.today[l]);
  }
}

// Are held days still to be made up, after the last day on which the agent is planned?
inline bool one_day_more(Block& b, int l, Int phase) {
  const LaneState& lane = b.lane(l);
  if (lane.owed == 0 || lane.day != b.t.phases[phase].extra_after || lane.extended >= GATE_LIMIT) return false;
  for (Int slot = 0; slot < b.t.slots.size; ++slot)
    if (b.t.slots[slot].phase == phase && b.t.slots[slot].made_up == 1 && b.place.slot(slot, l).stopped == 0)
      return true;
  return false;
}

// Days on which states are worth more than once a week: while cells grow, a graft takes, cytokine is up.
inline bool daily_record(const Block& b, int l, Int today) {
  const ImmuneState& im = b.flesh.immune[l];
  const Int given = std::max(im.cells_day, im.transplant_day);  // -1: neither
  return (given >= 0 && today - given <= DAILY_RECORD_DAYS) || im.crs > 0;
}

// Where the play ends, someone without an event after treatment is cured, in remission, or not.
inline void last_day(Block& b, int l, Int today) {
  if (b.lane(l).status == AFTER) {
    const Real total = b.leukaemic_cells(l);
    Real& outcome = b.place.result[l][RESULT_OUTCOME];
    if (total == 0.0 && b.flesh.cns(0, l) == 0.0)
      outcome = CURED;
    else if (b.lane(l).remission > 0 || b.blast_share(l, total) < b.setting(S_REMISSION))
      outcome = IN_REMISSION;
    else
      outcome = NOT_IN_REMISSION;
  }
  b.place.result[l][RESULT_DAY] = static_cast<Real>(today);
}

}  // namespace remission
