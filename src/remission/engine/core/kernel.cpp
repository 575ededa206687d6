// The kernel as one translation unit: everything that a day runs through is compiled together.
#include "kernel.hpp"

#include "company.hpp"
#include "immunity.hpp"
#include "radiation.hpp"

namespace remission {

void play_block(Block& b, Traveller* who, int number, bool parts, const std::function<void(int)>& ended,
                const std::function<void(Traveller&&)>& leaves) {
  play_together(b, who, number, parts, ended, leaves);
}
void prepare_block(Block& b) {
  fill_lines(b);
  for (int l = 0; l < LANES; ++l) begin(b, l);
}
void morning_of(Block& b, int lane, Int today) { morning(b, lane, today); }
void rescues_of(Block& b, Int agent, Int today) {
  std::fill_n(b.today, LANES, today);
  rescue_doses(b, agent);
}
void kinetics_of(Block& b, Int today) {
  std::fill_n(b.today, LANES, today);
  for (Int form = 0; form < b.t.forms.size; ++form)  // somebody else may have given them
    if (b.drugs.given(form)) b.drugs.due[b.t.forms[form].agent] = 1;
  responses_of_day(b);
  kinetics_of_day(b);
}
void evening_of(Block& b, int lane, Int today) {
  std::fill_n(b.today, LANES, today);
  for (int l = 0; l < LANES; ++l) b.place.here[l] = l == lane;
  for (int s = EVENING; s < DAY_STEPS; ++s) DAY[s].run(b);
}
std::vector<const char*> steps_of_day() {
  std::vector<const char*> names;
  for (const Step& step : DAY) names.push_back(step.name);
  return names;
}
void acts_of(Block& b, Int today) {
  std::fill_n(b.today, LANES, today);
  acts_of_day(b);
}
void living_of(Block& b, int lane, Int today, Real felt) {
  grades_of_day(b, lane, today, felt);
  manufacture_of_day(b, lane, today);
}
void close_runs_of(Block& b, int lane) { close_runs(b, lane); }
Equations equations() { return {&towards, &expansion, &log_mean, &grade_of, &incomplete_repair, &survival, GAP_HOURS}; }

}  // namespace remission
