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

// One table of one block: columns one after the other, the rows sorted by lane, and where each lane's rows begin.
struct BlockTable {
  std::vector<Real> columns;
  std::size_t rows = 0, from[LANES + 1] = {};
};

inline BlockTable sorted_block(std::vector<Real>& noted, int width, const RowOrder& order, Int offset) {
  BlockTable out;
  const std::size_t n = out.rows = noted.size() / static_cast<std::size_t>(width);
  const auto lane_of = [&](std::size_t i) { return static_cast<Int>(noted[i * width]) - offset; };
  for (std::size_t i = 0; i < n; ++i) ++out.from[lane_of(i) + 1];
  std::partial_sum(out.from, out.from + LANES + 1, out.from);
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
  std::size_t next[LANES];
  std::copy_n(out.from, LANES, next);
  for (std::size_t i = 0; i < n; ++i) {
    const Real* row = noted.data() + i * width;
    Int rank = 0;
    if (order.word >= 0) {
      const Real word = row[order.word];
      if (!(word >= 0.0 && word < static_cast<Real>(order.rank.size())))
        throw std::invalid_argument("an order has no rank for a word of its table");
      rank = order.rank[static_cast<std::size_t>(word)];
    }
    const Real day = row[order.day];
    keys[next[lane_of(i)]++] = {day == day ? day : std::numeric_limits<Real>::infinity(), rank, i};  // nan has no order
  }
  for (int l = 0; l < LANES; ++l) {
    const auto first = keys.begin() + static_cast<std::ptrdiff_t>(out.from[l]);
    const auto last = keys.begin() + static_cast<std::ptrdiff_t>(out.from[l + 1]);
    if (!std::is_sorted(first, last)) std::sort(first, last);
  }
  out.columns.resize(noted.size());
  for (int c = 0; c < width; ++c)
    for (std::size_t i = 0; i < n; ++i) out.columns[c * n + i] = noted[keys[i].row * width + c];
  noted = {};
  return out;
}

// A table of a cohort, (width, rows), the numbers of the patients first.
struct Table {
  std::unique_ptr<Real[]> values;
  std::size_t rows = 0;
  int width = 0;
};

// Where each patient's rows go: places of lanes (block after block) in the order of the patients' numbers.
inline std::vector<std::size_t> by_number(const View<Person>& person) {
  std::vector<std::size_t> order(static_cast<std::size_t>(person.size));
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return person[static_cast<Int>(a)].patient < person[static_cast<Int>(b)].patient;
  });
  return order;
}

// Room for the rows of all blocks, and where in it those of each lane begin.
inline Table room_for(const std::vector<BlockTable>& blocks, const std::vector<std::size_t>& order, int width,
                      std::vector<std::size_t>& begin) {
  Table out;
  out.width = width;
  begin.resize(order.size());
  for (const std::size_t lane : order) {
    const BlockTable& block = blocks[lane / LANES];
    begin[lane] = out.rows;
    out.rows += block.from[lane % LANES + 1] - block.from[lane % LANES];
  }
  out.values = std::make_unique_for_overwrite<Real[]>(out.rows * static_cast<std::size_t>(width));
  return out;
}

// Put the rows of a block where they belong, and give its memory back.
inline void put(BlockTable& block, Table& out, const std::size_t* begin, const Person* person) {
  for (int l = 0; l < LANES; ++l) {
    const std::size_t from = block.from[l], n = block.from[l + 1] - from;
    std::fill_n(out.values.get() + begin[l], n, static_cast<Real>(person[l].patient));
    for (int c = 1; c < out.width; ++c)
      std::copy_n(block.columns.data() + c * block.rows + from, n, out.values.get() + c * out.rows + begin[l]);
  }
  block = {};
}

}  // namespace remission
