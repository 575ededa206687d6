// Linear pharmacokinetics, solved exactly between doses, all patients of a block at once.
//
// An agent is a linear system dx/dt = A x + input. With Phi(t) = exp(A t), M = the integral of Phi and N = the integral
// of M over 0..t, everything asked of a step of length h is a row of one matrix that is applied to the states x at its
// start:
//
//     states at the end              Phi(h)
//     output g at a time t           g Phi(t)
//     mean of output g over u..v     g (M(v) - M(u)) / (v - u)
//
// An infusion at unit rate into state e from the start of the step on answers with M in place of Phi and N in place of
// M, applied to e. An infusion of a unit dose that ends at tau < h answers with M(t) e / tau up to tau and with
// Phi(t - tau) M(tau) e / tau after it; a dose that enters after a lag with nothing up to the lag and Phi(t - lag) e
// after it. Phi, M and N come from their Taylor series on a part of the step, doubled again and again.
#pragma once
#include "arithmetic.hpp"

namespace remission {

constexpr int TERMS = 10;
constexpr int DOUBLINGS = 40;
constexpr Real GAUSS[2] = {0.5 - 0.5 * 0.57735026918962576451, 0.5 + 0.5 * 0.57735026918962576451};  // equal weights

// n x n numbers for each patient: entry (i, j) is a row of lanes.
struct Matrices {
  int n = 0;
  Many<Real> v;
  Matrices() = default;
  explicit Matrices(int size) : n(size), v(static_cast<std::size_t>(size) * size * LANES, 0.0) {}
  Real* at(int i, int j) { return v.data() + (static_cast<std::size_t>(i) * n + j) * LANES; }
  const Real* at(int i, int j) const { return v.data() + (static_cast<std::size_t>(i) * n + j) * LANES; }
  void fill(Real x) { std::fill(v.begin(), v.end(), x); }
};

// Where entries may differ from zero.
struct Pattern {
  int n = 0;
  std::vector<char> v;
  Pattern() = default;
  explicit Pattern(int size) : n(size), v(static_cast<std::size_t>(size) * size, 0) {}
  char& operator()(int i, int j) { return v[static_cast<std::size_t>(i) * n + j]; }
  bool operator()(int i, int j) const { return v[static_cast<std::size_t>(i) * n + j] != 0; }
};

struct Reach {
  Pattern direct, whole;  // of a matrix, and of its exponential
};

inline Reach reachable(const Matrices& a) {
  const int n = a.n;
  Reach r{Pattern(n), Pattern(n)};
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      for (int l = 0; l < LANES; ++l)
        if (a.at(i, j)[l] != 0.0) r.direct(i, j) = 1;
  r.whole = r.direct;
  for (int i = 0; i < n; ++i) r.whole(i, i) = 1;
  for (int k = 0; k < n; ++k)
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j)
        if (r.whole(i, k) && r.whole(k, j)) r.whole(i, j) = 1;
  return r;
}

// A product of matrices, term by term where both may differ from zero. All of the left pattern is written, which must hold
// the product: that of an exponential does.
class Product {
 public:
  Product(const Pattern& left, const Pattern& right) {
    const int n = left.n;
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) {
        if (!left(i, j)) continue;
        for (int k = 0; k < n; ++k)
          if (left(i, k) && right(k, j)) terms_.push_back({(i * n + k) * LANES, (k * n + j) * LANES});
        entries_.push_back({(i * n + j) * LANES, static_cast<int>(terms_.size())});
      }
  }
  // out = a b
  void operator()(const Matrices& a, const Matrices& b, Matrices& out) const {
    const Real *x = a.v.data(), *y = b.v.data();
    const Term* term = terms_.data();
    for (const Entry& e : entries_) {
      Wide sum = {};
      for (const Term* last = terms_.data() + e.last; term < last; ++term) sum += load(x + term->a) * load(y + term->b);
      store(out.v.data() + e.at, sum);
    }
  }

 private:
  struct Term {
    int a, b;
  };
  struct Entry {
    int at, last;  // terms before this one
  };
  std::vector<Term> terms_;
  std::vector<Entry> entries_;
};

// How often to double from the Taylor series on, for rates times t of up to `size`: it starts below 1/4 (twelve digits).
inline int doublings(Real size) {
  int number = 1;
  while (size > 0.25 * std::exp2(number) && number < DOUBLINGS) ++number;
  return number;
}

// What is wanted of a step: exp(A t), its integral too, and that one's integral.
enum class Want { PHI, M, NN };

// exp(A t) and its integrals over 0..t for one system; keeps what it works with.
class Integrals {
 public:
  Reach reach;
  Matrices phi, m, nn;

  explicit Integrals(const Matrices& a)
      : reach(reachable(a)), phi(a.n), m(a.n), nn(a.n), by_a_(reach.whole, reach.direct),
        by_itself_(reach.whole, reach.whole), a_(a), power_(a.n), work_(a.n) {
    for (int i = 0; i < a.n; ++i)
      for (int j = 0; j < a.n; ++j)
        if (reach.whole(i, j)) entries_.push_back((i * a.n + j) * LANES);
  }

  // Fill phi and, if wanted, m and nn: with as many doublings as each patient's own largest rate asks for, so that nobody
  // depends on the others, and who eliminates many times as fast as most is as exact as they are.
  void fill(Real t, Want want = Want::NN) {
    const bool once = want != Want::PHI, twice = want == Want::NN;
    Wide largest = {}, h = {};
    for (int i = 0; i < a_.n; ++i) largest = larger(largest, size_of(load(a_.at(i, i))));
    WideInt own = {};
    int most = 0;
    for (int l = 0; l < LANES; ++l) {
      own[l] = doublings(largest[l] * t);
      h[l] = t / std::exp2(static_cast<Real>(own[l]));
      most = std::max(most, static_cast<int>(own[l]));
    }
    for (Matrices* x : {&power_, &phi, &m, &nn})
      for (int at : entries_) store(x->v.data() + at, Wide{});
    for (int i = 0; i < a_.n; ++i) store(power_.at(i, i), everywhere(1.0));
    Wide c = everywhere(1.0);  // h^k / k!
    for (int k = 0; k < TERMS; ++k) {
      const Wide c1 = c * h / static_cast<Real>(k + 1), c2 = c1 * h / static_cast<Real>(k + 2);
      add(phi, c, power_);
      if (once) add(m, c1, power_);
      if (twice) add(nn, c2, power_);
      if (k + 1 < TERMS) {
        by_a_(power_, a_, work_);
        std::swap(power_.v, work_.v);
      }
      c = c1;
    }
    for (int k = 0; k < most; ++k) {
      const WideInt goes_on = own > k;
      const Wide counts = goes_on ? everywhere(1.0) : Wide{};
      if (twice) {
        by_itself_(phi, nn, work_);
        add(nn, counts, work_);
        add(nn, h * counts, m);
      }
      if (once) {
        by_itself_(phi, m, work_);
        add(m, counts, work_);
      }
      by_itself_(phi, phi, work_);
      for (int at : entries_) store(phi.v.data() + at, goes_on ? load(work_.v.data() + at) : load(phi.v.data() + at));
      h = goes_on ? 2.0 * h : h;
    }
  }

  // out = x y, both with the pattern of the exponential.
  void product(const Matrices& x, const Matrices& y, Matrices& out) const { by_itself_(x, y, out); }

 private:
  void add(Matrices& x, Wide factor, const Matrices& y) const {
    for (int at : entries_) store(x.v.data() + at, load(x.v.data() + at) + factor * load(y.v.data() + at));
  }

  Product by_a_, by_itself_;
  std::vector<int> entries_;
  const Matrices& a_;
  Matrices power_, work_;
};

// A column of n states, lane by lane.
using Column = Rows;

inline void row_times(const Rows& row, const Matrices& b, Rows& out) {
  for (int j = 0; j < b.n; ++j) {
    Wide sum = {};
    for (int k = 0; k < b.n; ++k) sum += load_row(row, k) * load(b.at(k, j));
    store(out.row(j), sum);
  }
}

inline void product(const Rows& row, const Rows& column, int n, Real* out) {
  Wide sum = {};
  for (int k = 0; k < n; ++k) sum += load_row(row, k) * load_row(column, k);
  store(out, sum);
}

inline void times(const Matrices& a, const Rows& column, Rows& out) {
  for (int i = 0; i < a.n; ++i) {
    Wide sum = {};
    for (int k = 0; k < a.n; ++k) sum += load(a.at(i, k)) * load_row(column, k);
    store(out.row(i), sum);
  }
}

inline void take_column(const Matrices& a, int j, Rows& out, Real factor = 1.0) {
  for (int i = 0; i < a.n; ++i) store(out.row(i), load(a.at(i, j)) * factor);
}

// How a unit dose enters: state, duration of the infusion or of the lag (days; 0: at once, no answer needed).
struct Entry {
  int state = 0;
  Real tau = 0.0;
  bool delayed = false;
};

// What is asked of one step of an agent: see `Responses::fill`.
struct Asked {
  Int windows = 0;
  std::vector<int> means, nodes;
  Int fine_windows = 0;
  std::vector<int> fine_means, fine_nodes;
  std::vector<int> step_means, step_nodes;  // of the whole step
  std::vector<Real> level_times;
  std::vector<int> bent;
  std::vector<Real> fresh_times;
  std::vector<int> sharp;
  std::vector<Real> sharp_edges;
};

// Every response of one agent over a step.
class Responses {
 public:
  Int rows;
  int n, forms;
  std::vector<Rows> free;               // by state: (rows, L), a column of the step matrix
  std::vector<Rows> part, rate;         // by form: the answer to a unit dose, and to a unit rate during all of the step

  // infused: does any form run in? Else nothing is asked of unit rates.
  Responses(const Matrices& a, const std::vector<Rows>& g, Int rows_, std::vector<Entry> entries,
            bool infused)
      : rows(rows_), n(a.n), forms(static_cast<int>(entries.size())), a_(a), g_(g),
        entries_(std::move(entries)), infused_(infused), whole_(a), inner_(whole_) {
    free.assign(n, Rows(rows));
    part.assign(forms, Rows(rows));
    rate.assign(forms, Rows(rows));
  }

  Integrals& integrals() { return whole_; }

  // The rows of the step matrix for a step of `length` days: the n states at the end; on the grid of `windows` the mean
  // of each output in `means` and the value of each in `nodes` at both Gauss nodes, in each window; the same on the
  // grid of `fine_windows`, and for the step as one window; plasma (output 0) at `level_times`; outputs in `bent` at `fresh_times`; means of outputs in
  // `sharp` between `sharp_edges`.
  void fill(Real length, const Asked& q) {
    ends_.assign(forms, Rows(n));
    for (int f = 0; f < forms; ++f) {
      if (entries_[f].delayed) {
        store(ends_[f].row(entries_[f].state), everywhere(1.0));
      } else if (entries_[f].tau > 0.0) {
        whole_.fill(entries_[f].tau, Want::M);
        take_column(whole_.m, entries_[f].state, ends_[f], 1.0);
        for (Real& x : ends_[f].v) x /= entries_[f].tau;
      }
    }
    whole_.fill(length, rates());
    for (int c = 0; c < n; ++c)
      for (int i = 0; i < n; ++i) std::copy_n(whole_.phi.at(i, c), LANES, free[c].row(i));
    if (infused_)
      for (int f = 0; f < forms; ++f)
        for (int i = 0; i < n; ++i) std::copy_n(whole_.m.at(i, entries_[f].state), LANES, rate[f].row(i));
    for (int f = 0; f < forms; ++f)
      if (entries_[f].tau > 0.0) {
        const Real rest = length - entries_[f].tau;
        whole_.fill(rest, Want::PHI);
        Rows column(n);
        times(whole_.phi, ends_[f], column);
        copy_rows(part[f], 0, column, 0, n);
      }
    Int at = n;
    if (!q.means.empty() || !q.nodes.empty()) at = on_grid(length / q.windows, q.windows, q.means, q.nodes, at);
    if (!q.fine_means.empty() || !q.fine_nodes.empty())
      at = on_grid(length / q.fine_windows, q.fine_windows, q.fine_means, q.fine_nodes, at);
    if (!q.step_means.empty() || !q.step_nodes.empty()) at = on_grid(length, 1, q.step_means, q.step_nodes, at);
    at = at_times({0}, q.level_times, at);
    at = at_times(q.bent, q.fresh_times, at);
    between(q.sharp, q.sharp_edges, at);
  }

 private:
  Want rates() const { return infused_ ? Want::M : Want::PHI; }

  void keep(Int row, const Rows& row_of) {
    for (int c = 0; c < n; ++c) store(free[c].row(row), load_row(row_of, c));
  }
  void keep(Int row, const Rows& row_of, Real divisor) {
    for (int c = 0; c < n; ++c) store(free[c].row(row), load_row(row_of, c) / divisor);
  }

  // Rows of a grid of `windows` equal windows of w days: means of outputs `means` in each window, then values of
  // outputs `nodes` at both Gauss nodes of each. at: first row; returns the row after the last.
  Int on_grid(Real w, Int windows, const std::vector<int>& means, const std::vector<int>& nodes, Int at) {
    whole_.fill(w, infused_ ? Want::NN : Want::M);
    std::vector<std::vector<Rows>> filled;  // at the edges, unit rate
    if (infused_) filled.assign(windows + 1, std::vector<Rows>(forms, Rows(n)));
    Rows column(n), next(n), row_of(n), start(n), more(n), into(n);
    alignas(64) Real one[LANES];
    for (Int k = 0; infused_ && k < windows; ++k)
      for (int f = 0; f < forms; ++f) {
        times(whole_.phi, filled[k][f], column);
        for (int i = 0; i < n; ++i)
          for (int l = 0; l < LANES; ++l)
            filled[k + 1][f](i, l) = whole_.m.at(i, entries_[f].state)[l] + column(i, l);
      }
    const Int first = at;
    for (int j : means) {
      row_times(g_[j], whole_.m, start);
      if (infused_) row_times(g_[j], whole_.nn, more);
      row_of = start;
      for (Int k = 0; k < windows; ++k) {
        keep(at, row_of, w);
        for (int f = 0; infused_ && f < forms; ++f) {
          product(start, filled[k][f], n, one);
          for (int l = 0; l < LANES; ++l) rate[f](at, l) = (one[l] + more(entries_[f].state, l)) / w;
        }
        row_times(row_of, whole_.phi, next);
        std::swap(row_of, next);
        ++at;
      }
    }
    const Int count_nodes = static_cast<Int>(nodes.size());
    for (int q = 0; q < (nodes.empty() ? 0 : 2); ++q) {
      const Real t = GAUSS[q] * w;
      inner_.fill(t, rates());
      for (Int o = 0; o < count_nodes; ++o) {
        row_times(g_[nodes[o]], inner_.phi, start);
        if (infused_) row_times(g_[nodes[o]], inner_.m, more);
        row_of = start;
        for (Int k = 0; k < windows; ++k) {
          const Int r = at + 2 * windows * o + 2 * k + q;
          keep(r, row_of);
          for (int f = 0; infused_ && f < forms; ++f) {
            product(start, filled[k][f], n, one);
            for (int l = 0; l < LANES; ++l) rate[f](r, l) = one[l] + more(entries_[f].state, l);
          }
          row_times(row_of, whole_.phi, next);
          std::swap(row_of, next);
        }
      }
    }
    at += 2 * windows * count_nodes;
    for (int f = 0; f < forms; ++f) {
      const Real tau = entries_[f].tau;
      if (tau <= 0.0) continue;
      const bool delayed = entries_[f].delayed;
      // windows: 0 before tau, the one that tau stands in, and those after it
      const Int k0 = static_cast<Int>(std::ceil(tau / w - 1e-9));
      Real t = static_cast<Real>(k0) * w - tau;
      inner_.fill(t, Want::M);
      times(inner_.phi, ends_[f], column);
      times(inner_.m, ends_[f], into);  // integral over the rest of the window that tau stands in
      if (!delayed) {
        inner_.fill(tau - static_cast<Real>(k0 - 1) * w);
        times(inner_.m, filled[k0 - 1][f], next);
        for (int i = 0; i < n; ++i)
          for (int l = 0; l < LANES; ++l)
            into(i, l) += (next(i, l) + inner_.nn.at(i, entries_[f].state)[l]) / tau;
      }
      for (Int k = 0; k < windows; ++k) {
        if (k >= k0) {
          times(whole_.m, column, into);
          times(whole_.phi, column, next);
          std::swap(column, next);
        }
        for (std::size_t i = 0; i < means.size(); ++i) {
          const Int r = first + static_cast<Int>(i) * windows + k;
          if (k >= k0 - 1) {
            product(g_[means[i]], into, n, one);
            for (int l = 0; l < LANES; ++l) part[f](r, l) = one[l] / w;
          } else {
            for (int l = 0; l < LANES; ++l) part[f](r, l) = delayed ? 0.0 : rate[f](r, l) / tau;
          }
        }
      }
      for (int q = 0; q < 2; ++q) {
        bool begun = false;
        for (Int k = 0; k < windows; ++k) {
          t = (static_cast<Real>(k) + GAUSS[q]) * w;
          if (t > tau) {
            if (begun) {
              times(whole_.phi, column, next);
              std::swap(column, next);
            } else {
              inner_.fill(t - tau, Want::PHI);
              times(inner_.phi, ends_[f], column);
              begun = true;
            }
          }
          for (Int i = 0; i < count_nodes; ++i) {
            const Int r = first + static_cast<Int>(means.size()) * windows + 2 * i * windows + 2 * k + q;
            if (begun)
              product(g_[nodes[i]], column, n, part[f].row(r));
            else
              for (int l = 0; l < LANES; ++l) part[f](r, l) = delayed ? 0.0 : rate[f](r, l) / tau;
          }
        }
      }
    }
    return at;
  }

  // column = the states (which 0) or their integral (1) at t after a unit dose over tau days; at_end: the same at tau;
  // running: a column of matrices at t under a unit rate.
  void since_dose(int which, Real t, int f, const Rows* at_end, const Matrices& running, Rows& column) {
    const Real tau = entries_[f].tau;
    if (t > tau) {
      inner_.fill(t - tau, which == 0 ? Want::PHI : Want::M);
      times(which == 0 ? inner_.phi : inner_.m, ends_[f], column);
      if (which == 1)
        for (std::size_t i = 0; i < column.v.size(); ++i) column.v[i] += at_end->v[i];
    } else if (entries_[f].delayed) {
      column.fill(0.0);
    } else {
      take_column(running, entries_[f].state, column, 1.0);
      for (Real& x : column.v) x /= tau;
    }
  }

  // Rows of values of outputs at times, output by output.
  Int at_times(const std::vector<int>& outputs, const std::vector<Real>& at_days, Int at) {
    const Int number = static_cast<Int>(at_days.size());
    Rows row_of(n), column(n);
    for (Int i = 0; i < number; ++i) {
      const Real t = at_days[i];
      whole_.fill(t, rates());
      for (std::size_t o = 0; o < outputs.size(); ++o) {
        const Int r = at + static_cast<Int>(o) * number + i;
        row_times(g_[outputs[o]], whole_.phi, row_of);
        keep(r, row_of);
        if (!infused_) continue;
        row_times(g_[outputs[o]], whole_.m, row_of);
        for (int f = 0; f < forms; ++f) copy_rows(rate[f], r, row_of, entries_[f].state, 1);
      }
      for (int f = 0; f < forms; ++f)
        if (entries_[f].tau > 0.0) {
          since_dose(0, t, f, nullptr, whole_.m, column);
          for (std::size_t o = 0; o < outputs.size(); ++o)
            product(g_[outputs[o]], column, n, part[f].row(at + static_cast<Int>(o) * number + i));
        }
    }
    return at + static_cast<Int>(outputs.size()) * number;
  }

  // Rows of means of outputs between edges (from 0), output by output.
  void between(const std::vector<int>& outputs, const std::vector<Real>& edges, Int at) {
    if (outputs.empty()) return;
    const Int number = static_cast<Int>(edges.size()) - 1;
    Matrices m_before(n), nn_before(n), difference(n);
    Rows row_of(n), column(n), gap(n);
    std::vector<Rows> full(forms, Rows(n)), held(forms, Rows(n));
    for (int f = 0; f < forms; ++f)
      if (entries_[f].tau > 0.0 && !entries_[f].delayed) {
        whole_.fill(entries_[f].tau);
        take_column(whole_.nn, entries_[f].state, full[f]);
        for (Real& x : full[f].v) x /= entries_[f].tau;
      }
    for (Int i = 0; i < number; ++i) {
      const Real u = edges[i], v = edges[i + 1];
      whole_.fill(v, infused_ ? Want::NN : Want::M);
      for (std::size_t o = 0; o < outputs.size(); ++o) {
        const Int r = at + static_cast<Int>(o) * number + i;
        for (std::size_t k = 0; k < difference.v.size(); ++k)
          difference.v[k] = (whole_.m.v[k] - m_before.v[k]) / (v - u);
        row_times(g_[outputs[o]], difference, row_of);
        keep(r, row_of);
        if (!infused_) continue;
        for (std::size_t k = 0; k < difference.v.size(); ++k)
          difference.v[k] = (whole_.nn.v[k] - nn_before.v[k]) / (v - u);
        row_times(g_[outputs[o]], difference, row_of);
        for (int f = 0; f < forms; ++f) copy_rows(rate[f], r, row_of, entries_[f].state, 1);
      }
      m_before = whole_.m;
      nn_before = whole_.nn;
      for (int f = 0; f < forms; ++f)
        if (entries_[f].tau > 0.0) {
          since_dose(1, v, f, &full[f], nn_before, column);
          for (std::size_t o = 0; o < outputs.size(); ++o) {
            for (std::size_t k = 0; k < gap.v.size(); ++k) gap.v[k] = (column.v[k] - held[f].v[k]) / (v - u);
            product(g_[outputs[o]], gap, n, part[f].row(at + static_cast<Int>(o) * number + i));
          }
          held[f] = column;
        }
    }
  }

  const Matrices& a_;
  const std::vector<Rows>& g_;
  std::vector<Entry> entries_;
  bool infused_;
  Integrals whole_, inner_;
  std::vector<Rows> ends_;
};

}  // namespace remission
