// Who is played side by side. A day of a block costs nearly the same whether one of its patients needs it or all do, and
// an agent that one is given is computed for all. So patients leave their block where ways part: at the start of a long
// phase, at a relapse, and when half of a block are gone; and those who are at the same point of the protocol are put
// together. Each keeps a day of its own, and lanes never mix: nobody's numbers depend on the company.
#pragma once
#include <utility>

#include "day.hpp"
#include "travellers.hpp"

namespace remission {

constexpr Int LONG_PHASE_DAYS = 42;   // a phase as long as this, or one that repeats, begins in new company
constexpr Int LEAST_TOGETHER = 84;    // days that a block stays together whatever happens
constexpr Int RECOVERY_DAYS = 182;    // that are played before a relapse which the follow-up foresaw

// The relapses that a patient has had, with one that is foreseen.
inline Int leg_of(const Block& b, int l) { return b.place.lane[l].relapses + (b.place.lane[l].wakes >= 0); }

inline std::tuple<Int, Int, Int> stage_of(Block& b, int l) {
  const LaneState& lane = b.lane(l);
  const Phase& phase = b.t.phases[lane.phase];
  Int ends = b.play.treatment_days;
  for (Int i = phase.until_from; i < phase.until_to; ++i) {
    const Until& until = b.t.untils[i];
    if (until.condition >= 0 && !b.holds(until.condition, l)) continue;
    ends = (until.phase < 0 ? 0 : std::max<Int>(0, b.place.began(until.phase, l))) + until.days;
    break;
  }
  return {lane.phase, lane.status == TREATING ? lane.day : 0, ends - b.today[l]};
}

// Has the patient begun a phase yesterday that is worth new company?
inline bool at_crossroads(Block& b, int l) {
  const LaneState& lane = b.lane(l);
  const Phase& phase = b.t.phases[lane.phase];
  return lane.status == TREATING && (phase.repeats == 1 || phase.days >= LONG_PHASE_DAYS) &&
         b.place.began(lane.phase, l) == b.today[l] - 1 && b.today[l] > 1;
}

// A lane in which nobody is played any more: no drug is computed for it, no clone.
inline void empty(Block& b, int l) {
  b.lane(l).status = DONE;
  for (Rows* x : {&b.drugs.x, &b.drugs.z, &b.drugs.left, &b.drugs.late, &b.drugs.was_running, &b.flesh.cells, &b.flesh.cns})
    for (Int i = 0; i < x->rows(); ++i) (*x)(i, l) = 0.0;
}

// Seat patients in an empty block: those who come from another, and new ones.
inline void seat(Block& b, Traveller* who, int number) {
  for (Int agent = 0; agent < b.lay.agents(); ++agent) {  // responses that all of them have with them are not made again
    bool all = true;
    for (int l = 0; l < number; ++l) all &= who[l].baggage && who[l].baggage->answered(agent);
    if (all) make_room_for_responses(b.drugs, b.t, b.lay, agent);
  }
  Party come;
  for (int l = 0; l < number; ++l)
    if (who[l].baggage) come.push_back({who[l].baggage.get(), l});
  if (come.size() < LANES) fill_lines(b);  // else the weights of all come with them
  if (!come.empty()) Baggage::unpack(b, come);
  for (int l = 0; l < LANES; ++l)
    if (l >= number)
      empty(b, l);
    else if (!std::exchange(who[l].baggage, nullptr))
      begin(b, l);
}

// Play a block until each of its patients has come to an end (`ended` takes the lane) or goes on in other company (`leaves`
// takes a Traveller). parts: is there other company on the same leg?
template <class Ended, class Leaves>
void play_together(Block& b, Traveller* who, int number, bool parts, Ended ended, Leaves leaves) {
  seat(b, who, number);
  bool seated[LANES] = {};
  std::fill_n(seated, number, true);
  int here = number;
  auto rises = [&](int l) {
    empty(b, l);
    seated[l] = false;
    --here;
  };
  for (Int day = 0; here > 0; ++day) {
    for (int l = 0; l < number; ++l)
      if (seated[l] && !playing(b, l)) {
        conclude(b, l);
        ended(l);
        rises(l);
      }
    const bool few = parts && 2 * here <= number && day >= LEAST_TOGETHER;
    std::vector<Traveller> travellers;
    Party leaving;
    for (int l = 0; l < number; ++l) {
      if (!seated[l]) continue;
      const Int leg = leg_of(b, l);
      if (leg == who[l].leg && !few && !(parts && day > 0 && at_crossroads(b, l))) continue;
      if (leg > who[l].leg) b.today[l] = std::max(b.today[l], b.lane(l).wakes - RECOVERY_DAYS);
      travellers.push_back({who[l].place, leg, stage_of(b, l), std::make_unique<Baggage>()});
      leaving.push_back({travellers.back().baggage.get(), l});
    }
    if (!leaving.empty()) Baggage::pack(b, leaving);
    for (std::size_t i = 0; i < leaving.size(); ++i) {
      leaves(std::move(travellers[i]));
      rises(leaving[i].lane);
    }
    if (here > 0) play_day(b);
  }
}

}  // namespace remission
