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

}  // namespace remission
