// The words that both sides know, each defined once: here. Python takes them from `core.words` (binding.cpp).
#pragma once
#include "rows.hpp"

namespace remission {

struct Word {
  const char* name;  // of the number
  const char* text;  // what tables say
  Int value;
};

#define REMISSION_ENUMERATOR(name, text) name,
#define REMISSION_WORD(name, text) Word{#name, text, name},
#define REMISSION_WORDS(Type, LIST)                          \
  enum Type : Int { LIST(REMISSION_ENUMERATOR) Type##_COUNT }; \
  inline constexpr Word Type##_WORDS[] = {LIST(REMISSION_WORD)};

#define STATUS(W) W(WAITING, "") W(TREATING, "") W(AFTER, "") W(DONE, "")
#define OUTCOME(W)                                                                                               \
  W(ON_TREATMENT, "on treatment") W(IN_REMISSION, "in remission") W(CURED, "cured") W(RELAPSE, "relapse")        \
  W(DEATH, "death") W(LEFT, "left") W(NOT_IN_REMISSION, "not in remission")
// columns of the result
#define RESULT(W)                                                                                                  \
  W(RESULT_OUTCOME, "") W(RESULT_DAY, "") W(RESULT_REMISSION_DAY, "") W(RESULT_MRD, "") W(RESULT_END_DAY, "")      \
  W(RESULT_BLASTS, "") W(RESULT_DELAY, "") W(RESULT_LEFT, "") W(RESULT_SITE, "") W(RESULT_FEVERS, "")              \
  W(RESULT_RED, "") W(RESULT_PLATELETS, "") W(RESULT_BLOODSTREAM, "") W(RESULT_VISITS, "") W(RESULT_IN_TARGET, "") \
  W(RESULT_SHARE, "") W(RESULT_SHARES, "") W(RESULT_PLAYED, "") W(RESULT_CAUSE, "") W(RESULT_RELAPSE, "")          \
  W(RESULT_INFUSION, "") W(RESULT_TRANSPLANT, "")
#define EVENT(W)                                                                                                  \
  W(E_PHASE, "phase start") W(E_GATE, "gate delay") W(E_HOLD, "hold") W(E_RESUME, "resume") W(E_RAISE, "raise")   \
  W(E_REDUCE, "reduce") W(E_STOP, "stop") W(E_FEVER, "fever") W(E_BLOODSTREAM, "bloodstream infection")           \
  W(E_RED, "red cell transfusion") W(E_PLATELETS, "platelet transfusion") W(E_REMISSION, "remission")             \
  W(E_RELAPSE, "relapse") W(E_DEATH, "death") W(E_LEFT, "left") W(E_END, "end of treatment")                      \
  W(E_FORCED, "gate never met") W(E_GOTO, "goes to") W(E_COLLECTION, "collection") W(E_INFUSION, "infusion")      \
  W(E_GRAFT, "transplant") W(E_FAILED, "graft failure") W(E_NOT_FOR, "not eligible") W(E_AGAIN, "begins again")     \
  W(E_COLD, "cold")
#define REASON(W)                                                                                              \
  W(R_PROTOCOL, "protocol") W(R_REDUCED, "reduced") W(R_RAISED, "raised") W(R_HELD, "held")                    \
  W(R_OMITTED, "omitted") W(R_STOPPED, "stopped") W(R_RESCUE, "rescue") W(R_MADE_UP, "made up")                \
  W(R_CUT_BY_HOLD, "cut short by a hold") W(R_CUT_BY_STOP, "cut short by a stop")                              \
  W(R_CUT_BY_END, "cut short by the end") W(R_MISSED, "missed")
// numbers that are the same for everyone
#define SETTING(W)                                                                                            \
  W(S_PACKING, "packing") W(S_OTHER, "other_leukocytes") W(S_BLOOD_LOSS, "blood_loss")                        \
  W(S_CNS_DEATH, "cns_death") W(S_MRD_CELLS, "mrd_cells") W(S_MRD_MIN, "mrd_minimum")                           \
  W(S_MRD_FOUND, "mrd_found") W(S_MRD_FOUND_SD, "mrd_found_sd") W(S_MRD_UNTIL, "mrd_until") W(S_MRD_WHOLE, "mrd_whole") \
  W(S_ASPIRATE, "aspirate_sd") W(S_NOISE_ANC, "noise_anc")                      \
  W(S_NOISE_PLT, "noise_platelets") W(S_NOISE_HB, "noise_haemoglobin") W(S_H1, "hazard_below_0.1")            \
  W(S_H2, "hazard_below_0.5") W(S_H3, "hazard_below_1.0") W(S_H4, "hazard_above_1.0")                         \
  W(S_H_WHOLE, "whole_lining_hazard") W(S_FEVER_PAUSE, "fever_pause_days") W(S_BSI, "bloodstream_share") \
  W(S_BSI_ABOVE, "bloodstream_share_above_0.5") W(S_BSI_DEATH, "death_share") W(S_BSI_RELAPSED, "death_share_relapsed") \
  W(S_BSI_AGAIN, "bloodstream_relapsed") W(S_BSI_FIRST, "bloodstream_relapsed_first")                                 \
  W(S_BSI_DAYS, "bloodstream_first_days") W(S_RED_RISE, "red_cell_rise") W(S_PLT_RISE, "platelet_rise")                 \
  W(S_PLT_POOL_LOSS, "platelet_pool_loss") W(S_RELAPSE_MARROW, "relapse_marrow") W(S_RELAPSE_CNS, "relapse_cns") \
  W(S_REMISSION, "remission_marrow") W(S_REMISSION_FROM, "remission_from_day") W(S_LETHAL, "lethal") W(S_LETHAL_CNS, "lethal_cns") W(S_LETHAL_SHAPE, "lethal_shape")  \
  W(S_LOSS_EARLY, "loss_early") W(S_LOSS_LATE, "loss_late") W(S_LOSS_SHARE, "loss_share") W(S_NOISE_LEVEL, "noise_level")                   \
  W(S_SWING_KEPT, "swing_kept") W(S_SWING_ANC, "swing_neutrophils") W(S_SWING_PLT, "swing_platelets")         \
  W(S_SWING_RED, "swing_red_cells") W(S_SWING_LYMPH, "swing_lymphocytes") W(S_WINTER, "winter")               \
  W(S_COLD_ANC, "cold_neutrophils") W(S_COLD_PLT, "cold_platelets") W(S_COLD_RED, "cold_red_cells")           \
  W(S_COLD_LYMPH, "cold_lymphocytes")
// what conditions compare: measured, of the person, of the immune system and the course; then drug levels, the grades of
// side effects today, and the worst ever
#define VARIABLE(W)                                                                                               \
  W(V_ANC, "anc") W(V_PLT, "platelets") W(V_HB, "haemoglobin") W(V_WBC, "wbc") W(V_LYMPH, "lymphocytes")          \
  W(V_BLASTS, "blood blasts") W(V_MARROW, "marrow blasts") W(V_MARROW_MRD, "marrow MRD") W(V_BLOOD_MRD, "blood MRD") \
  W(V_MRD_1, "marrow MRD at time point 1") W(V_MRD_2, "marrow MRD at time point 2")                              \
  W(V_MRD_3, "marrow MRD at time point 3") W(V_MRD_4, "marrow MRD at time point 4")                              \
  W(V_AGE, "age") W(V_WEIGHT, "weight") W(V_BSA, "bsa") W(V_SEX, "sex") W(V_CNS, "cns") W(V_LINEAGE, "lineage")   \
  W(V_TPMT, "tpmt") W(V_NUDT15, "nudt15") W(V_DIAGNOSIS_WBC, "diagnosis wbc") W(V_DONOR, "donor") W(V_PH, "ph")   \
  W(V_SUBTYPE, "subtype") W(V_DOWN, "down syndrome")                                                                                        \
  W(V_CHIMERISM, "chimerism") W(V_T315I, "t315i") W(V_B, "b cells") W(V_IGG, "igg") W(V_RELAPSES, "relapses")     \
  W(V_CRS, "crs") W(V_BRAIN, "neurotoxicity") W(V_REMISSION, "remission") W(V_PRODUCT, "product") \
  W(V_RELAPSE_MONTH, "relapse month") W(V_CHANCE, "chance")
#define OPERATION(W) \
  W(BELOW, "<") W(AT_MOST, "<=") W(ABOVE, ">") W(AT_LEAST, ">=") W(EQUAL, "=") W(UNEQUAL, "!=") W(AND, "") W(OR, "") W(NOT, "")
#define BASIS(W) W(PER_M2, "m2") W(PER_KG, "kg") W(FLAT, "") W(BY_AGE, "")
#define KIND(W)                                                                                       \
  W(HOLD, "") W(ADJUST, "") W(LIMIT, "") W(START, "") W(STOP, "") W(TRANSFUSE, "") W(OMIT, "") W(REPEAT, "") \
  W(RESCUE, "") W(MAKE_UP, "") W(MISS, "")
#define FUNCTION(W) W(LINEAR, "linear") W(EMAX, "emax") W(ASPARAGINE, "asparagine depletion") W(HILL, "")
#define MADE_OF(W) W(MEAN, "") W(NODES, "") W(PRODUCT, "")
#define ACT_KIND(W) W(RADIATION, "") W(GRAFT, "") W(CELLS, "") W(COLLECTION, "") W(IMMUNOGLOBULIN, "")
#define CAUSE_OF(W)                                                                                            \
  W(OF_KILLED, "killed") W(OF_LOAD, "load") W(OF_NEUTROPHILS, "neutrophils") W(OF_PLATELETS, "platelets")      \
  W(OF_HAEMOGLOBIN, "haemoglobin") W(OF_IGG, "igg")
#define LINE_KIND(W) W(ABSENT, "") W(POWER, "") W(SATURATING, "") W(LIFE_SPAN, "")
// of effects: the four blood lines, rates on blasts, then those of the day; then three for each side effect: what causes
// it, what protects from it, what makes it worse
#define TARGET(W)                                                                                              \
  W(NEUTROPHILS, "neutrophils") W(PLATELETS, "platelets") W(RED_CELLS, "red cells") W(LYMPHOCYTES, "lymphocytes") \
  W(BLASTS, "blasts") W(BLOOD, "blood blasts") W(CNS, "CNS blasts") W(MOBILISATION, "neutrophil mobilisation") \
  W(ON_STEM_CELLS, "stem cells") W(ON_B_CELLS, "B cells") W(ON_CYTOKINE, "cytokine") W(ON_FEVER, "fever") \
  W(ON_INFECTION, "infection") W(ON_INFECTION_DEATH, "infection death")
#define ACT_NUMBER(W)                                                                                       \
  W(C_INITIAL, "") W(C_RATE, "") W(C_PEAK, "") W(C_MOST, "") W(C_ANTIGEN_HALF, "") W(C_CONTRACTION, "")     \
  W(C_MEMORY_SHARE, "") W(C_MEMORY_RATE, "") W(C_KILL, "") W(C_HALF, "") W(C_LYMPHOCYTES, "")               \
  W(C_RELEASES, "") W(C_CNS, "") W(C_DAYS, "") W(C_FAILURE, "") W(C_DYSFUNCTIONAL, "")
#define SIDE_NUMBER(W) W(PERSON, "") W(FACTOR, "") W(FACTOR_DAYS, "") W(AGAIN, "") W(COURSE, "") W(FATALITY, "")
#define CAUSE_OF_DEATH(W) W(CAUSE_INFECTION, "infection") W(CAUSE_LEUKAEMIA, "leukaemia") W(CAUSE_CRS, "crs") \
  W(CAUSE_OTHER, "another cause")
#define RECORD(W)                                                                                             \
  W(MEASUREMENTS, "measurements") W(MRD, "mrd") W(DOSES, "doses") W(EVENTS, "events") W(STATES, "states")     \
  W(SIDE, "side_effects") W(LEVELS, "levels")
#define PRODUCT_STATE(W) \
  W(NO_PRODUCT, "none") W(IN_MANUFACTURE, "in manufacture") W(READY, "ready") W(FAILED, "failed") W(INFUSED, "infused")

#define REMISSION_EACH_LIST(L)                                                                                     \
  L(Status, STATUS) L(Outcome, OUTCOME) L(Result, RESULT) L(Event, EVENT) L(Reason, REASON) L(Setting, SETTING)    \
  L(Variable, VARIABLE) L(Operation, OPERATION) L(Basis, BASIS) L(Kind, KIND) L(Function, FUNCTION)                \
  L(MadeOf, MADE_OF) L(ActKind, ACT_KIND) L(CauseOf, CAUSE_OF) L(LineKind, LINE_KIND) L(Target, TARGET)            \
  L(ActNumber, ACT_NUMBER) L(SideNumber, SIDE_NUMBER) L(CauseOfDeath, CAUSE_OF_DEATH) L(RecordTable, RECORD)       \
  L(ProductState, PRODUCT_STATE)
REMISSION_EACH_LIST(REMISSION_WORDS)

constexpr Int SIZES = 17;       // body sizes of a patient, one every SIZE_DAYS from entry on: surfaces, then weights
constexpr Real SIZE_DAYS = 182.625;
constexpr int STEPS = 12;      // two-hour steps of a day
constexpr int MAX_DEPTH = 32;  // of a condition; brackets of a protocol file lie at most 20 deep (knowledge/limits.py)
constexpr Int LEVELS_FROM = Variable_COUNT;
constexpr Int ACT_NUMBERS = ActNumber_COUNT, SIDE_NUMBERS = SideNumber_COUNT;
constexpr Int RESULT_COLUMNS = Result_COUNT;
constexpr Int FIRST_CAUSE = CauseOfDeath_COUNT;  // then the side effects
constexpr Int LINES = 4;                         // the first targets
constexpr Int HAZARDS = Target_COUNT;
// targets that are summed by the day, from stem cells on, and where the hazards begin among them
constexpr Int DAILY = ON_STEM_CELLS, STEM_CELLS = 0, B_CELLS = ON_B_CELLS - DAILY, CYTOKINE = ON_CYTOKINE - DAILY,
              FEVER = ON_FEVER - DAILY, INFECTION = ON_INFECTION - DAILY,
              INFECTION_DEATH = ON_INFECTION_DEATH - DAILY, FIRST_HAZARD = HAZARDS - DAILY;
constexpr Int AFTER_DAYS = 84;  // days after treatment that are still played in full, for the counts to come back
enum Check : Int { COUNTS = 1, MARROW_MRD = 2, BLOOD_MRD = 4, MARROW_BLASTS = 8, BLOOD_BLASTS = 16, RESPONSE = 32, TIME_POINT = 64 };  // TIME_POINT * k: a marrow sample at time point k

// The mesh of a day: bins, slots in each (two hours if there are three bins), panels of the slot in which a sharp dose
// is given (mesh.py). Blasts and the load go by half bins, cell lines by LINE_SLOTS slots.
constexpr int SLOTS_PER_BIN = 4;
constexpr int LINE_SLOTS = 6;
constexpr int SHARP[] = {0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};  // ends of panels, in 64ths of a slot
constexpr int PANELS = 12;
constexpr Real SHARP_END = 64.0;

}  // namespace remission
