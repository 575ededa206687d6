// The records of all blocks as the columns of tables, sorted by patient.
#pragma once
#include <memory>
#include <numeric>
#include <utility>

#include "state.hpp"

namespace remission {

// How the rows of a patient are sorted: by a column (the day), then by the rank of what a second one names (-1: none).
// What is equal in both stays in the order in which it was noted.
struct RowOrder {
  int day = 0, word = -1;
  std::vector<Int> rank;
};

// One table of one patient: columns one after the other, but for the patient's number, its rows sorted.
struct PatientTable {
  std::vector<Real> columns;
  std::size_t rows = 0;
};

inline PatientTable sorted_rows(std::vector<Real>& noted, int width, const RowOrder& order) {
  PatientTable out;
  const std::size_t each = static_cast<std::size_t>(width) - 1, n = out.rows = noted.size() / each;
  struct Key {
    Real day;
    Int rank;
    std::size_t row;
    bool operator<(const Key& other) const {
      if (day != other.day) return day < other.day;
      return rank != other.rank ? rank < other.rank : row < other.row;
    }
  };
  std::vector<Key> keys(n);
  for (std::size_t i = 0; i < n; ++i) {
    const Real* row = noted.data() + i * each - 1;  // columns are counted with that of the number
    Int rank = 0;
    if (order.word >= 0) {
      const Real word = row[order.word];
      if (!(word >= 0.0 && word < static_cast<Real>(order.rank.size())))
        throw std::invalid_argument("an order has no rank for a word of its table");
      rank = order.rank[static_cast<std::size_t>(word)];
    }
    const Real day = row[order.day];
    keys[i] = {day == day ? day : std::numeric_limits<Real>::infinity(), rank, i};  // nan has no order
  }
  if (!std::is_sorted(keys.begin(), keys.end())) std::sort(keys.begin(), keys.end());
  out.columns.resize(noted.size());
  for (std::size_t c = 0; c < each; ++c)
    for (std::size_t i = 0; i < n; ++i) out.columns[c * n + i] = noted[keys[i].row * each + c];
  noted = {};
  return out;
}

// A table of a cohort by its columns, the numbers of the patients first. Each is memory of its own: who reads them gives
// back what is not kept.
struct Table {
  std::vector<std::unique_ptr<Real[]>> columns;
  std::size_t rows = 0;
};

// The places of patients in the order of their numbers.
inline std::vector<std::size_t> by_number(const View<Person>& person) {
  std::vector<std::size_t> order(static_cast<std::size_t>(person.size));
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return person[static_cast<Int>(a)].patient < person[static_cast<Int>(b)].patient;
  });
  return order;
}

// Room for the rows of all patients (by place), and where in it those of each begin.
inline Table room_for(const std::vector<PatientTable>& patients, const std::vector<std::size_t>& order, int width,
                      std::vector<std::size_t>& begin) {
  Table out;
  begin.resize(order.size());
  for (const std::size_t place : order) {
    begin[place] = out.rows;
    out.rows += patients[place].rows;
  }
  for (int c = 0; c < width; ++c) out.columns.push_back(std::make_unique_for_overwrite<Real[]>(out.rows));
  return out;
}

// Put the rows of a patient where they belong, and give their memory back.
inline void put(PatientTable& patient, Table& out, std::size_t begin, Int number) {
  const std::size_t n = patient.rows;
  std::fill_n(out.columns[0].get() + begin, n, static_cast<Real>(number));
  for (std::size_t c = 1; c < out.columns.size(); ++c)
    std::copy_n(patient.columns.data() + (c - 1) * n, n, out.columns[c].get() + begin);
  patient = {};
}

}  // namespace remission
