// What the laboratory reports: counts with the assay's noise, marrow and blood examinations.
#pragma once
#include "block.hpp"

namespace remission {

constexpr std::uint32_t P_ANC = chance::purpose("measured anc");
constexpr std::uint32_t P_PLT = chance::purpose("measured platelets");
constexpr std::uint32_t P_HB = chance::purpose("measured haemoglobin");
constexpr std::uint32_t P_ASPIRATE = chance::purpose("aspirate");
constexpr std::uint32_t P_FOUND = chance::purpose("cells told apart");
constexpr std::uint32_t P_CELLS = chance::purpose("cells counted");
constexpr std::uint32_t P_CELLS_BLOOD = chance::purpose("cells counted in blood");
constexpr std::uint32_t P_LOT = chance::purpose("lot of a visit");

// The same sample is as true in an arm that has come to it some days later, and the lot of that visit as kind.
inline void number_sample(Block& b, int l, Int phase, Int day, Int waited) {
  b.lane(l).sample = b.numbered(l, phase, day, waited);
  b.place.seen(V_CHANCE, l) = b.play.chance ? b.uniform(l, P_LOT, b.lane(l).sample) : 0.5;
}

// How often the leukaemia has come back, and how many months after the first dose it first did (NaN: not here).
inline void count_relapses(Block& b, int l) {
  b.place.seen(V_RELAPSES, l) = static_cast<Real>(b.lane(l).relapses) + b.person(l).relapsed;
  b.place.seen(V_RELAPSE_MONTH, l) = b.place.result[l][RESULT_RELAPSE] * (12.0 / 365.25);
}

// Counts with log-normal noise, and everything else that conditions may ask for.
inline void measure(Block& b, int l) {
  const Int sample = b.lane(l).sample;
  Rows& seen = b.place.seen;
  const ImmuneState& im = b.flesh.immune[l];
  const Real blasts = b.blood_blasts(l, b.flesh.total(0, l));
  const Real anc = b.circulating(NEUTROPHILS, l) * (1.0 + b.flesh.mobilised(0, l));
  auto noise = [&](Setting sd, std::uint32_t purpose) {
    return b.setting(sd) == 0.0 ? 1.0 : std::exp(b.setting(sd) * b.normal(l, purpose, sample));
  };
  seen(V_ANC, l) = anc * noise(S_NOISE_ANC, P_ANC);
  seen(V_PLT, l) = b.platelets(l) * noise(S_NOISE_PLT, P_PLT);
  seen(V_HB, l) = b.haemoglobin(l) * noise(S_NOISE_HB, P_HB);
  seen(V_LYMPH, l) = b.circulating(LYMPHOCYTES, l);
  seen(V_BLASTS, l) = blasts * 1000.0;  // per uL
  seen(V_WBC, l) = seen(V_ANC, l) + b.circulating(LYMPHOCYTES, l) + b.setting(S_OTHER) + blasts;
  seen(V_CHIMERISM, l) = b.donor_share(l);
  seen(V_B, l) = im.b * im.b_baseline;
  seen(V_IGG, l) = im.igg;
  seen(V_CRS, l) = static_cast<Real>(im.crs);
  seen(V_BRAIN, l) = static_cast<Real>(im.neuro);
  seen(V_PRODUCT, l) = static_cast<Real>(im.product);
  count_relapses(b, l);
  seen(V_REMISSION, l) = b.lane(l).remission == 1 ? 1.0 : 0.0;
  const Int effects = b.lay.again.size, ever = seen.rows() - effects;
  for (Int i = 0; i < effects; ++i) {
    seen(ever - effects + i, l) = static_cast<Real>(b.flesh.side(i, l).grade);
    seen(ever + i, l) = static_cast<Real>(b.flesh.side(i, l).worst);
  }
}

// day: of the phase, 0 while the patient waits for it.
inline void note_counts(Block& b, int l, Int today, Int phase, Int day, Int cycle) {
  const Rows& seen = b.place.seen;
  b.rec.note(MEASUREMENTS, l, today, phase, day, cycle, seen(0, l), seen(1, l), seen(2, l), seen(3, l), seen(4, l),
             seen(5, l));
}

// The fraction that the assay reports: blasts among `cells` (Poisson), nothing below `minimum` of them.
inline Real assay(Block& b, int l, Real fraction, std::uint32_t purpose) {
  const Real cells = b.setting(S_MRD_CELLS);
  const Real found = b.poisson(l, purpose, b.lane(l).sample, cells * fraction);
  return found >= b.setting(S_MRD_MIN) ? found / cells : 0.0;
}

// How many of the leukaemic cells in marrow the assay tells from others: its share of the first weeks of a first
// treatment, from `until` on towards all of them on day `whole` (log-linear), with the spread of single samples.
inline Real told_apart(Block& b, int l, Int today) {
  const Real until = b.setting(S_MRD_UNTIL), whole = b.setting(S_MRD_WHOLE), day = static_cast<Real>(today + 1);
  const bool first = b.lane(l).relapses == 0 && b.person(l).relapsed == 0;
  const Real left = first ? std::clamp((whole - day) / std::max(whole - until, 1.0), 0.0, 1.0) : 0.0;
  const Real spread = b.setting(S_MRD_FOUND_SD) * b.normal(l, P_FOUND, b.lane(l).sample);
  return std::exp(left * std::log(b.setting(S_MRD_FOUND)) + spread);
}

// Marrow and blood examinations of a day; the first late marrow check is the response to induction.
inline void examine(Block& b, int l, Int bits, Int today, Int phase, Real total, Real fraction) {
  Rows& seen = b.place.seen;
  LaneState& lane = b.lane(l);
  const Int sample = lane.sample, day = lane.day, cycle = b.place.cycle(phase, l);
  if (bits & (MARROW_MRD | MARROW_BLASTS)) {
    const Real sampled =
        std::min(0.999, fraction * std::exp(b.setting(S_ASPIRATE) * b.normal(l, P_ASPIRATE, sample)));
    const Real reported = assay(b, l, std::min(0.999, sampled * told_apart(b, l, today)), P_CELLS);
    seen(V_MARROW_MRD, l) = reported;
    static_assert(V_MRD_2 == V_MRD_1 + 1 && V_MRD_3 == V_MRD_1 + 2 && V_MRD_4 == V_MRD_1 + 3);
    if (const Int point = bits / TIME_POINT) seen(V_MRD_1 + point - 1, l) = reported;
    seen(V_MARROW, l) = sampled;
    if (b.lay.t315i >= 0 && total > 0.0)
      seen(V_T315I, l) = reported > 0.0 ? b.of_clone(l, b.lay.t315i) / total : 0.0;
    b.rec.note(MRD, l, today, phase, 0.0, fraction, reported, day, cycle);
    if (bits & RESPONSE) {
      b.place.result[l][RESULT_MRD] = reported;
      b.place.result[l][RESULT_BLASTS] = fraction;
    }
    if (fraction < b.setting(S_REMISSION)) {  // an early look shows the response, not yet a remission
      // who enters with few blasts has a remission from the first look that could have lost it
      const bool unsaid = lane.remission == 1 && lane.relapses == 0 && std::isnan(b.place.result[l][RESULT_REMISSION_DAY]);
      if ((lane.remission == 0 || unsaid) &&
          static_cast<Real>(today + 1 - lane.relapsed_on) >= b.setting(S_REMISSION_FROM)) {
        lane.remission = 1;
        b.first_time(l, RESULT_REMISSION_DAY, today);
        b.event(l, today, phase, E_REMISSION, 0.0);
      }
    } else if (lane.remission == 1) {
      lane.remission = 2;
    }
  }
  if (bits & BLOOD_MRD) {
    const Real share = std::min(1.0, b.blood_blasts(l, total) / std::max(seen(V_WBC, l), 1e-3));
    const Real reported = assay(b, l, share, P_CELLS_BLOOD);
    seen(V_BLOOD_MRD, l) = reported;
    b.rec.note(MRD, l, today, phase, 1.0, share, reported, day, cycle);
  }
}

// Plasma levels that a visit of this morning asks for, before the doses of the day, as the laboratory reports them: with
// the assay's noise (log-normal); what it cannot quantify is left out by who reads.
inline void levels_of_day(Block& b) {
  for (int l = 0; l < LANES; ++l) {
    const LaneState& lane = b.lane(l);
    if (lane.visited < 0) continue;
    const DayOfPhase& at = b.t.days[lane.visited];
    for (Int i = at.level_from; i < at.level_to; ++i) {
      const Int agent = b.t.level_due[i], first = b.lay.state_from[agent];
      Real level = 0.0;
      for (Int j = 0; j < b.lay.state_from[agent + 1] - first; ++j)
        level += b.q.g(b.lay.g_from[agent] + j, l) * b.drugs.x(first + j, l);
      const Real noise = b.normal(l, static_cast<std::uint32_t>(b.lay.level_purpose[agent]), lane.sample);
      level = std::max(0.0, level) * std::exp(b.setting(S_NOISE_LEVEL) * noise);
      b.rec.note(LEVELS, l, b.today[l], lane.phase, lane.day, b.place.cycle(lane.phase, l), agent, level);
    }
  }
}

}  // namespace remission
