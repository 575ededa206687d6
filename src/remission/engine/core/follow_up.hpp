// After treatment, when nothing kills any more: the leukaemia alone, week by week, until cure, relapse or the horizon. Where
// a relapse is treated, the patient sleeps until its day and is played on from there.
#pragma once
#include <utility>

#include "ends.hpp"

namespace remission {

constexpr Real LITTLE_KILL = 1e-3;  // 1/day: a hundredth of what leukaemia grows by

// Is leukaemia killed today faster than counts as nothing: by drugs that are left, antibodies, CAR T-cells, a donor's T cells?
inline bool is_killed(const Block& b, int l) {
  bool killed = b.flesh.cns(0, l) > 0.0 && b.day.cns(0, l) > LITTLE_KILL;
  for (Int c : b.work.alive)
    killed |= (b.flesh.cells(2 * c, l) > 0.0 && b.day.cyc(c, l) > LITTLE_KILL) ||
              (b.flesh.cells(2 * c + 1, l) > 0.0 && b.day.rest(c, l) > LITTLE_KILL);
  return killed;
}

// Can the rest be played week by week: a marrow that works, nothing that holds the leukaemia, and a remission?
inline bool needs_no_days(Block& b, int l, Real total) {
  if (b.flesh.room(0, l) < 0.1) return false;
  if (total == 0.0 && b.flesh.cns(0, l) == 0.0) return true;
  if (b.today[l] + 1 < b.play.treatment_days && is_killed(b, l)) return false;
  LaneState& lane = b.lane(l);
  if (lane.remission == 0 && b.blast_share(l, total) < b.setting(S_REMISSION)) lane.remission = 1;  // no marrow was looked at
  return lane.remission > 0;
}

inline void follow_clone(Block& b, Int c, int l, Int today, Real crowd) {
  Real &cycling = b.flesh.cells(2 * c, l), &resting = b.flesh.cells(2 * c + 1, l);
  Real x = cycling, y = resting;
  if (x + y == 0.0) return;
  const Real birth = b.birth(c, l) * crowd, death = b.person(l).death;
  const Real to_rest = b.q.to_rest(c, l) * b.flesh.rests(0, l), wake = b.person(l).wake;
  const std::uint64_t seed = b.play.seed;
  const std::uint32_t purpose = static_cast<std::uint32_t>(b.lay.clone_purpose[c]);
  if (b.play.chance && x + y < FEW) {
    const Real days = static_cast<Real>(FOLLOW_DAYS);
    std::tie(x, y) = few_cells(x, y, birth, death, to_rest, wake, exchanged(to_rest, wake, 0.5 * days), 0.0, 0.0, days,
                               seed, b.pid(l), purpose, today);
  } else {
    for (Int k = 0; k < FOLLOW_DAYS; ++k) {
      Real moved = 0.5 * (x * to_rest - y * wake);
      x = (x - moved) * std::exp(birth - death);
      y += moved;
      moved = 0.5 * (x * to_rest - y * wake);
      x -= moved;
      y += moved;
    }
    if (b.play.chance && x + y < FEW) {
      x = whole(x, seed, b.pid(l), purpose + 5, today);
      y = whole(y, seed, b.pid(l), purpose + 6, today);
    }
  }
  cycling = x;
  resting = y;
}

// The leukaemia is laid aside as it will be on the day of its relapse: nothing of it acts until then.
inline void fall_asleep(Block& b, int l, Int relapse) {
  const Int rows = b.flesh.cells.rows();
  for (Int c = 0; c < rows; ++c) b.flesh.asleep(c, l) = std::exchange(b.flesh.cells(c, l), 0.0);
  b.flesh.asleep(rows, l) = std::exchange(b.flesh.cns(0, l), 0.0);
  b.lane(l).wakes = relapse;
}

inline bool asleep(const Block& b, int l, Int today) { return today < b.place.lane[l].wakes; }

// The day has come.
inline void wake(Block& b, int l, Int today) {
  const Int rows = b.flesh.cells.rows();
  for (Int c = 0; c < rows; ++c) b.flesh.cells(c, l) = b.flesh.asleep(c, l);
  b.flesh.cns(0, l) = b.flesh.asleep(rows, l);
  b.lane(l).wakes = -1;
  const Real total = b.leukaemic_cells(l), fraction = b.share_at_rest(l, total), brain = b.flesh.cns(0, l);
  b.flesh.total(0, l) = total;
  relapsed(b, l, today,
           relapse_site(b, fraction >= b.setting(S_RELAPSE_MARROW), brain >= b.setting(S_RELAPSE_CNS), fraction, brain));
}

inline void follow(Block& b, int l, Int start) {
  const Real days = static_cast<Real>(FOLLOW_DAYS), capacity = b.person(l).capacity;
  const Real cns_birth = b.q.cns_birth(0, l), cns_death = b.setting(S_CNS_DEATH);
  const Int horizon = b.play.follow_up_days;
  const Int dies = b.play.chance && b.person(l).dies_on < horizon ? static_cast<Int>(b.person(l).dies_on) : horizon;
  Real& cns = b.flesh.cns(0, l);
  for (Int today = start; today < dies; today += FOLLOW_DAYS) {
    const Real total = b.leukaemic_cells(l);
    if (total == 0.0 && cns == 0.0) break;  // followed to the end
    const Real load = total / capacity, fraction = b.share_at_rest(l, total);
    if (b.lane(l).remission > 0) {
      const bool marrow = fraction >= b.setting(S_RELAPSE_MARROW), brain = cns >= b.setting(S_RELAPSE_CNS);
      if (marrow || brain) {
        if (b.lay.on_relapse >= 0 && today < b.play.treatment_days) return fall_asleep(b, l, today);
        const Int site = relapse_site(b, marrow, brain, fraction, cns);
        b.event(l, today, b.lane(l).phase, E_RELAPSE, static_cast<Real>(site));
        b.place.result[l][RESULT_SITE] = static_cast<Real>(site);
        b.place.result[l][RESULT_RELAPSE] = static_cast<Real>(today);
        return finish(b, l, RELAPSE, today);
      }
    }
    const Real crowd =
        std::max(0.0, 1.0 - std::pow(load / b.setting(S_PACKING), static_cast<Real>(b.lay.power_of_load)));
    for (Int c = 0; c < b.lay.clones(); ++c) follow_clone(b, c, l, today, crowd);
    if (b.play.chance && 0.0 < cns && cns < FEW)
      cns = chance::birth_death(b.play.seed, b.pid(l), P_CNS, today, cns, cns_birth, cns_death, days);
    else
      cns *= std::exp((cns_birth - cns_death) * days);
    Real sown = 0.0;
    for (Int c = 0; c < b.lay.clones(); ++c)
      sown += b.lay.clone_sows[c] * (b.flesh.cells(2 * c, l) + b.flesh.cells(2 * c + 1, l));
    const Real flux = b.q.seeding(0, l) * sown * days;
    if (b.play.chance && flux < FEW) {
      if (flux > 0.0) cns += b.poisson(l, P_SEED, today, flux);
    } else {
      cns += flux;
    }
  }
  if (dies < horizon) return die(b, l, std::max(dies, start), CAUSE_OTHER);
  finish(b, l, b.leukaemic_cells(l) == 0.0 && cns == 0.0 ? CURED : IN_REMISSION, horizon);
}

}  // namespace remission
