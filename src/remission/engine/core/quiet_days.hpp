// A quiet day: days after the last dose what an agent makes is so smooth that the polynomial of third degree through four
// times of a day stands for all of it. The whole day is one step then, and effects that bend are evaluated four times.
//
// From which day on after a dose days are quiet is a patient's own: until the polynomial misses every output, at the ends
// of the day where it is worst, by less than QUIET of what a dose makes in the mean of its highest day.
#pragma once
#include <array>
#include <bit>

#include "kinetics.hpp"

namespace remission {

constexpr int TIMES = 4;  // of a day, Gauss-Legendre
constexpr Real TIME[TIMES] = {0.069431844202973712, 0.33000947820757187, 0.66999052179242813, 0.93056815579702629};
constexpr Real TIME_WEIGHT[2] = {0.17392742256872693, 0.32607257743127307};  // of the outer, of the inner
constexpr Real QUIET = 3e-3;
constexpr int LONGEST_UNREST = 14;  // days after a dose that are looked at

using AtTimes = std::array<Real, TIMES>;  // a factor for the value at each time

// The polynomial through the values at the four times: c[m] t^m of the one that is 1 at `which` and 0 at the others.
inline AtTimes basis(int which) {
  AtTimes c{1.0, 0.0, 0.0, 0.0};
  for (int i = 0, degree = 0; i < TIMES; ++i) {
    if (i == which) continue;
    const Real under = 1.0 / (TIME[which] - TIME[i]);
    for (int m = ++degree; m >= 0; --m) c[m] = under * ((m > 0 ? c[m - 1] : 0.0) - TIME[i] * c[m]);
  }
  return c;
}

// What of the day is made of the values at its four times.
struct QuietDay {
  AtTimes morning, night;               // the values at both ends
  std::vector<AtTimes> slot, half;      // means over slots of two hours, of four
  std::vector<AtTimes> tilt;            // of half's: first moment about the middle, in their length

  explicit QuietDay(Int slots) : slot(parts(slots)), half(parts(slots / 2)), tilt(slots / 2) {
    for (int k = 0; k < TIMES; ++k) {
      const AtTimes c = basis(k);
      morning[k] = c[0];
      night[k] = c[0] + c[1] + c[2] + c[3];
      const Real h = 2.0 / static_cast<Real>(slots);
      for (Int i = 0; i < slots / 2; ++i) {  // p(middle + h s) = ... + (c1 + 2 c2 m + 3 c3 m^2) h s + c3 h^3 s^3
        const Real m = (static_cast<Real>(i) + 0.5) * h;
        tilt[i][k] = (c[1] + m * (2.0 * c[2] + m * 3.0 * c[3])) * h / 12.0 + c[3] * h * h * h / 80.0;
      }
    }
  }

 private:
  static std::vector<AtTimes> parts(Int number) {
    std::vector<AtTimes> out(number);
    for (int k = 0; k < TIMES; ++k) {
      const AtTimes c = basis(k);
      auto integral = [&](Real t) { return t * (c[0] + t * (c[1] / 2.0 + t * (c[2] / 3.0 + t * c[3] / 4.0))); };
      for (Int i = 0; i < number; ++i)
        out[i][k] = (integral(static_cast<Real>(i + 1) / static_cast<Real>(number)) -
                     integral(static_cast<Real>(i) / static_cast<Real>(number))) * static_cast<Real>(number);
    }
    return out;
  }
};

inline Wide through(const AtTimes& factors, const Wide* values) {
  Wide sum = factors[0] * values[0];
  for (int k = 1; k < TIMES; ++k) sum += factors[k] * values[k];
  return sum;
}

// The matrix of a quiet day, state after state: the n states at its end, each of `outputs` at the four times and, where
// somebody looks on, their exact means over `looked_at` parts of the day. And the first day after a dose (into `entries`)
// that is quiet.
inline void quiet_responses(const QuietDay& day, Integrals& whole, const std::vector<Rows>& g, const std::vector<int>& outputs,
                            const std::vector<Entry>& entries, Int looked_at, Rows& weight, Real* from) {
  const int n = whole.phi.n, number = static_cast<int>(outputs.size()), each = n + (TIMES + static_cast<int>(looked_at)) * number;
  Rows row(n), next(n);
  for (int k = 0; k < TIMES; ++k) {
    whole.fill(TIME[k], Want::PHI);
    for (int o = 0; o < number; ++o) {
      row_times(g[outputs[o]], whole.phi, row);
      for (int c = 0; c < n; ++c) copy_rows(weight, c * each + n + TIMES * o + k, row, c, 1);
    }
  }
  if (looked_at > 0) {
    const Real part = 1.0 / static_cast<Real>(looked_at);
    whole.fill(part, Want::M);
    for (int o = 0; o < number; ++o) {
      row_times(g[outputs[o]], whole.m, row);
      for (int k = 0; k < looked_at; ++k) {
        for (int c = 0; c < n; ++c)
          store(weight.row(c * each + n + TIMES * number + static_cast<int>(looked_at) * o + k), load_row(row, c) / part);
        row_times(row, whole.phi, next);
        std::swap(row, next);
      }
    }
  }
  whole.fill(1.0, Want::M);
  for (int c = 0; c < n; ++c)
    for (int i = 0; i < n; ++i) std::copy_n(whole.phi.at(i, c), LANES, weight.row(c * each + i));
  // what each state that doses enter makes of the n states, day after day
  std::uint64_t entered = 0;
  for (const Entry& e : entries) entered |= std::uint64_t{1} << e.state;
  std::vector<Rows> columns;
  for (std::uint64_t left = entered; left; left &= left - 1) {
    Rows column(n), next(n);
    store(column.row(std::countr_zero(left)), everywhere(1.0));
    for (int d = 0; d < LONGEST_UNREST; ++d) {
      times(whole.phi, column, next);
      columns.push_back(std::exchange(column, next));
    }
  }
  Wide first = everywhere(1.0);
  Rows mean(n), early(n), late(n);
  auto of = [&](const Rows& x, const Rows& column) {
    Wide sum = {};
    for (int k = 0; k < n; ++k) sum += load_row(x, k) * load_row(column, k);
    return sum;
  };
  for (int o = 0; o < number; ++o) {
    row_times(g[outputs[o]], whole.m, mean);
    row_times(g[outputs[o]], whole.phi, row);
    for (int c = 0; c < n; ++c) {
      Wide at[TIMES];
      for (int k = 0; k < TIMES; ++k) at[k] = load_row(weight, c * each + n + TIMES * o + k);
      store(early.row(c), through(day.morning, at) - load_row(g[outputs[o]], c));
      store(late.row(c), through(day.night, at) - load_row(row, c));
    }
    Wide most = {};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::size_t d = i % LONGEST_UNREST;
      most = larger(d == 0 ? Wide{} : most, of(mean, columns[i]));
      const Wide missed = larger(size_of(of(early, columns[i])), size_of(of(late, columns[i])));
      first = missed > QUIET * most ? larger(first, everywhere(static_cast<Real>(d) + 1.0)) : first;
    }
  }
  store(from, first);
}

}  // namespace remission
