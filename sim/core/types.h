#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

namespace rehearsal {

/// Row-major, (n, d): one row a round, an item, a user.
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using RowMatrixF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct UserId {
  std::uint32_t value = 0;
};

/// A user's turn: the address of one request. Live experiments use sessions from
/// kLiveSession on, so that they never meet the log's draws.
struct Turn {
  UserId user;
  std::uint16_t session = 0;
  std::uint16_t round = 0;  // within the session
  std::uint16_t day = 0;    // of the visit; no part of the address
};

/// Days until a user's next session, where there is none.
inline constexpr std::uint16_t kNeverReturns = 0xffff;

inline constexpr std::uint16_t kLiveSession = 0x8000;

/// Offsets of ragged data (CSR): row i owns [offsets[i], offsets[i + 1]); offsets[0] = 0.
using Offsets = std::vector<std::uint32_t>;

}  // namespace rehearsal
