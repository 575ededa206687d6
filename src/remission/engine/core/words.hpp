// The words that both sides know: numbered here, told to Python by the binding.
#pragma once
#include "rows.hpp"

namespace remission {

constexpr int STEPS = 12;      // two-hour steps of a day
constexpr int MAX_DEPTH = 16;  // of a condition

enum Status : Int { WAITING, TREATING, AFTER, DONE };
enum Outcome : Int { ON_TREATMENT, IN_REMISSION, CURED, RELAPSE, DEATH, LEFT, NOT_IN_REMISSION };
enum Result : int {
  RESULT_OUTCOME, RESULT_DAY, RESULT_REMISSION_DAY, RESULT_MRD, RESULT_END_DAY, RESULT_BLASTS, RESULT_DELAY,
  RESULT_LEFT, RESULT_SITE, RESULT_FEVERS, RESULT_RED, RESULT_PLATELETS, RESULT_BLOODSTREAM, RESULT_VISITS,
  RESULT_IN_TARGET, RESULT_SHARE, RESULT_SHARES, RESULT_PLAYED, RESULT_CAUSE, RESULT_RELAPSE, RESULT_INFUSION,
  RESULT_TRANSPLANT, RESULT_COLUMNS
};
enum Event : int {
  E_PHASE, E_GATE, E_HOLD, E_RESUME, E_RAISE, E_REDUCE, E_STOP, E_FEVER, E_BLOODSTREAM, E_RED, E_PLATELETS, E_REMISSION,
  E_RELAPSE, E_DEATH, E_LEFT, E_END, E_FORCED, E_GOTO, E_COLLECTION, E_INFUSION, E_GRAFT, E_FAILED
};
enum Reason : int { R_PROTOCOL, R_REDUCED, R_RAISED, R_HELD, R_OMITTED, R_STOPPED, R_RESCUE };
enum Setting : int {
  S_PACKING, S_OTHER, S_BLOOD_LOSS, S_CNS_BIRTH, S_CNS_DEATH, S_SEED, S_FLOW_CELLS, S_FLOW_MIN, S_ASPIRATE, S_NOISE_ANC,
  S_NOISE_PLT, S_NOISE_HB, S_H1, S_H2, S_H3, S_H4, S_H_MAINTENANCE, S_FEVER_PAUSE, S_BSI, S_BSI_DEATH, S_RED_RISE,
  S_PLT_RISE, S_PLT_POOL_LOSS, S_RELAPSE_MARROW, S_RELAPSE_CNS, S_REMISSION, S_LETHAL, SETTINGS
};
enum Variable : int {
  V_ANC, V_PLT, V_HB, V_WBC, V_LYMPH, V_BLASTS, V_MARROW, V_MARROW_MRD, V_BLOOD_MRD,
  V_CHIMERISM = 20, V_T315I, V_B, V_IGG, V_RELAPSES, V_CRS, V_BRAIN, V_REMISSION, V_PRODUCT,
  LEVELS_FROM  // then the grades of side effects, of today and the worst ever
};
enum Condition : int { BELOW, AT_MOST, ABOVE, AT_LEAST, EQUAL, UNEQUAL, AND, OR, NOT };
enum Basis : Int { PER_M2, PER_KG, FLAT, BY_AGE };
enum Kind : Int { HOLD, ADJUST, LIMIT, START, STOP, TRANSFUSE, OMIT, REPEAT, RESCUE };
enum Check : Int { COUNTS = 1, MARROW_MRD = 2, BLOOD_MRD = 4, MARROW_BLASTS = 8, BLOOD_BLASTS = 16, RESPONSE = 32 };
enum Function : Int { LINEAR, EMAX, ASPARAGINE, HILL };
enum MadeOf : Int { MEAN, NODES, PRODUCT };
enum ActKind : Int { RADIATION, GRAFT, CELLS, COLLECTION, IMMUNOGLOBULIN };
enum CauseOf : Int { OF_KILLED, OF_LOAD, OF_NEUTROPHILS, OF_PLATELETS, OF_HAEMOGLOBIN, OF_IGG };
enum Product : Int { NO_PRODUCT, IN_MANUFACTURE, READY, FAILED, INFUSED };
// targets of effects: the four blood lines, then these, then three for each side effect: what causes it, what protects
// from it, what makes it worse
enum Target : Int { BLASTS = 4, BLOOD, CNS, MOBILISATION, DAILY, HAZARDS = 12 };  // DAILY: stem cells, the first of them
enum DailyTarget : int { STEM_CELLS, B_CELLS, CYTOKINE, FEVER, FIRST_HAZARD };
enum ActNumber : int {
  C_INITIAL, C_RATE, C_PEAK, C_MOST, C_ANTIGEN_HALF, C_CONTRACTION, C_MEMORY_SHARE, C_MEMORY_RATE, C_KILL, C_HALF,
  C_LYMPHOCYTES, C_RELEASES, C_CNS, C_DAYS, C_FAILURE, C_DYSFUNCTIONAL, ACT_NUMBERS
};
enum SideNumber : int { PERSON, FACTOR, FACTOR_DAYS, COURSE, SIDE_NUMBERS };
enum Causes : int { CAUSE_INFECTION, CAUSE_LEUKAEMIA, CAUSE_CRS, FIRST_CAUSE };  // then the side effects

// The mesh of a day: steps of the body, slots of two hours in each, panels after a sharp dose (mesh.py).
constexpr int SLOTS_PER_BIN = 4;
constexpr int SHARP[] = {0, 1, 2, 4, 8, 16, 32, 64};  // ends of panels, in 64ths of a step of the body
constexpr int PANELS = 7;
constexpr int HALVES = 2 * PANELS;
constexpr int SHARP_WIDTHS[] = {1, 2, 4, 8, 16, 32};
constexpr int WIDTHS = 6;
constexpr Real SHARP_END = 64.0;

}  // namespace remission
