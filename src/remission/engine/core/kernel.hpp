// What the binding calls of the kernel; compiled apart from it.
#pragma once
#include <functional>
#include <vector>

#include "travellers.hpp"

namespace remission {

// Play a block until each of its patients has come to an end (`ended` takes the lane) or leaves for other company.
void play_block(Block& b, Traveller* who, int number, bool parts, const std::function<void(int)>& ended,
                const std::function<void(Traveller&&)>& leaves);
void prepare_block(Block& b);       // blood lines, first draws, first record
void morning_of(Block& b, int lane, Int today);
void rescues_of(Block& b, Int agent, Int today);
void kinetics_of(Block& b, Int today);
void evening_of(Block& b, int lane, Int today);
std::vector<const char*> steps_of_day();  // their names
void acts_of(Block& b, Int today);
void living_of(Block& b, int lane, Int today, Real felt);  // grades by cytokine and brain, and the product
void close_runs_of(Block& b, int lane);

// Equations of mechanisms, as the kernel has them: a change of theirs compiles the kernel alone.
struct Equations {
  Real (*towards)(Real x, Real target, Real rate, Real h);
  Real (*expansion)(Real cells, Real memory, Real h, Real antigen, Real lymphocytes, Real rate, Real antigen_half,
                    Real lymphocytes_half, Real most);
  Real (*log_mean)(Real a, Real b);
  Int (*grade_of)(Real x, Real first, Real second, Real third, Real fourth);
  Real (*incomplete_repair)(int fractions, Real half_life_hours);
  Real (*survival)(Real dose_gy, int fractions, Real alpha, Real alpha_beta, Real half_life_hours);
  Real gap_hours;  // between the fractions of a day
};
Equations equations();

}  // namespace remission
