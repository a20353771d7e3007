#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/draws.h"

namespace rehearsal::recsim {

// Documents of RecSim's three environments (Ie et al. 2019, arXiv 1909.04847), from random words.

/// A document of one topic.
struct Video {
  std::uint32_t topic = 0;
  double quality = 0;
};

/// Mean quality of interest evolution's topics: from -3 to 0 for 7 topics in 10, from 0 to 3 for
/// the rest, both ends included. With 20 topics, 13 and 14 are both 0.
inline std::vector<double> evolution_topic_quality(std::size_t n_topics) {
  const std::size_t n_poor = 7 * n_topics / 10;
  std::vector<double> out;
  const auto line = [&](double low, double high, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
      out.push_back(
          n == 1 ? low : low + (high - low) * static_cast<double>(i) / static_cast<double>(n - 1));
  };
  line(-3, 0, n_poor);
  line(0, 3, n_topics - n_poor);
  return out;
}

/// Interest evolution: any topic, a normal quality. The published code calls its standard deviation
/// of 0.1 a variance.
struct EvolutionDocuments {
  std::vector<double> topic_quality = evolution_topic_quality(20);
  double quality_stddev = 0.1;

  Video draw(std::uint32_t topic_word, std::uint32_t quality_word) const {
    const std::uint32_t topic = index_below(topic_word, topic_quality.size());
    return {topic, topic_quality[topic] + quality_stddev * normal_from(quality_word)};
  }
};

/// Interest exploration: a topic by its share, a log-normal quality.
struct ExplorationDocuments {
  std::vector<double> topic_share{0.2, 0.8};
  std::vector<double> quality_log_mean{0.8, 0.2};  // (n_topics)
  double quality_log_sd = 0.1;

  Video draw(std::uint32_t topic_word, std::uint32_t quality_word) const {
    double u = Stream::to_uniform(topic_word);
    std::uint32_t topic = 0;
    while (topic + 1 < topic_share.size() && (u -= topic_share[topic]) >= 0) ++topic;
    return {topic, std::exp(quality_log_mean[topic] + quality_log_sd * normal_from(quality_word))};
  }
};

/// Long-term satisfaction: the share of clickbait, uniform.
inline double draw_clickbait(std::uint32_t word) { return Stream::to_uniform(word); }

/// Context features of long-term satisfaction.
inline constexpr const char* kRecentClickbait = "recent_clickbait";
inline constexpr const char* kLastEngagement = "last_engagement";
inline constexpr const char* kSessionShare = "session_share";

/// The context feature that says what the site has seen of a user's interest in a topic.
inline std::string topic_rate_feature(std::size_t topic) {
  return "topic_" + std::to_string(topic) + "_rate";
}
/// Clicks over showings, drawn to the rate of a user of whom nothing is known, 1 in 4, which is 0.
inline double topic_rate(double clicks, double showings) {
  return (clicks + 1) / (showings + 4) - 0.25;
}

}  // namespace rehearsal::recsim
