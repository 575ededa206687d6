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
inline Table room_for(const Notes* notes, int table, const std::vector<std::size_t>& order,
                      std::vector<std::size_t>& begin) {
  Table out;
  begin.resize(order.size());
  for (const std::size_t place : order) {
    begin[place] = out.rows;
    out.rows += notes[place].rows[table].rows();
  }
  for (int c = 0; c < Notes::width[table]; ++c) out.columns.push_back(std::make_unique_for_overwrite<Real[]>(out.rows));
  return out;
}

// Put the rows of a patient, sorted, where they belong.
inline void put(const Noted& noted, const RowOrder& order, Table& out, std::size_t begin, Int number) {
  const std::size_t width = out.columns.size() - 1, n = noted.rows();
  struct Key {
    Real day = 0.0;
    Int rank = 0;
    std::size_t row = 0;
    bool operator<(const Key& other) const {
      if (day != other.day) return day < other.day;
      return rank != other.rank ? rank < other.rank : row < other.row;
    }
  };
  auto key_of = [&](std::size_t i) -> Key {
    const Real* row = noted.row(i, width) - 1;  // columns are counted with that of the number
    Int rank = 0;
    if (order.word >= 0) {
      const Real word = row[order.word];
      if (!(word >= 0.0 && word < static_cast<Real>(order.rank.size())))
        throw std::invalid_argument("an order has no rank for a word of its table");
      rank = order.rank[static_cast<std::size_t>(word)];
    }
    const Real day = row[order.day];
    return {day == day ? day : std::numeric_limits<Real>::infinity(), rank, i};  // nan has no order
  };
  std::fill_n(out.columns[0].get() + begin, n, static_cast<Real>(number));
  Real* to[*std::max_element(std::begin(Notes::width), std::end(Notes::width))];
  for (std::size_t c = 0; c < width; ++c) to[c] = out.columns[c + 1].get() + begin;
  auto copy = [&](const Real* row, std::size_t i) {
    for (std::size_t c = 0; c < width; ++c) to[c][i] = row[c];
  };
  Key last;
  std::size_t i = 0;
  for (; i < n; ++i) {  // as most are written
    const Key next = key_of(i);
    if (i > 0 && next < last) break;
    copy(noted.row(i, width), i);
    last = next;
  }
  if (i == n) return;
  std::vector<Key> keys(n);
  for (i = 0; i < n; ++i) keys[i] = key_of(i);
  std::sort(keys.begin(), keys.end());
  for (i = 0; i < n; ++i) copy(noted.row(keys[i].row, width), i);
}

}  // namespace remission
