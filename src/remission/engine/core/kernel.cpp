// The kernel as one translation unit: everything that a day runs through is compiled together.
#include "kernel.hpp"

#include "day.hpp"

namespace remission {

void play_block(Block& b) { play(b); }
void prepare_block(Block& b) { prepare(b); }
void morning_of(Block& b, int lane, Int today) { morning(b, lane, today); }
void rescues_of(Block& b, Int agent, Int today) { rescue_doses(b, agent, today); }
void kinetics_of(Block& b, Int today) { kinetics_of_day(b, today); }
void evening_of(Block& b, int lane, Int today) {
  for (int l = 0; l < LANES; ++l) b.place.here[l] = l == lane;
  for (int s = EVENING; s < DAY_STEPS; ++s) DAY[s].run(b, today);
}
std::vector<const char*> steps_of_day() {
  std::vector<const char*> names;
  for (const Step& step : DAY) names.push_back(step.name);
  names.push_back("preparation");  // how drugs answer in these patients
  return names;
}
void acts_of(Block& b, Int today) { acts_of_day(b, today); }
void living_of(Block& b, int lane, Int today, Real felt) {
  grades_of_day(b, lane, today, felt);
  manufacture_of_day(b, lane, today);
}
void close_runs_of(Block& b, int lane) { close_runs(b, lane); }

}  // namespace remission
