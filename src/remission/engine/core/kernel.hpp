// What the binding calls of the kernel; compiled apart from it.
#pragma once
#include <vector>

#include "block.hpp"

namespace remission {

void play_block(Block& b);          // to its end
void prepare_block(Block& b);       // responses, first draws, first record
void morning_of(Block& b, int lane, Int today);
void rescues_of(Block& b, Int agent, Int today);
void kinetics_of(Block& b, Int today);
void evening_of(Block& b, int lane, Int today);
std::vector<const char*> steps_of_day();  // their names, then the preparation
void acts_of(Block& b, Int today);
void living_of(Block& b, int lane, Int today, Real felt);  // grades by cytokine and brain, and the product
void close_runs_of(Block& b, int lane);

}  // namespace remission
