#include "users/media/media_users_config.h"

namespace rehearsal {

Fields MediaUsersConfig::fields() {
  return Fields()
      .add("drift", drift, 0, 1,
           "correlation of preferences and qualities with those that all domains share")
      .add("discovery_drift", discovery_drift, 0, 1,
           "correlation of the preferences that discoveries follow with those of the domain")
      .add("quality", quality, 0, 10, "spread of the items' quality, in logits of a click")
      .add("click", click, -20, 20, "logit of a click at liking, quality and effects of 0")
      .add("visit_effect", visit_effect, 0, 10,
           "spread of the effects of the visit's features on clicks and continuations")
      .add("row_effect", row_effect, 0, 10, "click logits that a shelf further down loses")
      .add("position_effect", position_effect, 0, 10, "click logits lost a place to the right")
      .add("shelf_effect", shelf_effect, 0, 10, "spread of the shelves' own click logits")
      .add("repeat_effect", repeat_effect, -10, 10,
           "click logits an artist gains, times log(1 + times played)")
      .add("mood_effect", mood_effect, 0, 20, "click logits of a session's mood")
      .add("continued", continued, -20, 20, "logit of following a clicked item to its end")
      .add("continued_quality", continued_quality, 0, 10, "of quality in that logit")
      .add("discovery", discovery, -20, 20,
           "logit that a click on an artist never played is a discovery")
      .add("seconds", seconds, 0, 12, "mean of the log of 1 + seconds after a click")
      .add("seconds_liking", seconds_liking, 0, 10, "of liking in that mean")
      .add("seconds_quality", seconds_quality, 0, 10, "of quality in that mean")
      .add("seconds_place", seconds_place, 0, 10, "of the click logits of the place in that mean")
      .add("seconds_repeat", seconds_repeat, -10, 10, "of log(1 + times played) in that mean")
      .add("seconds_noise", seconds_noise, 0.01, 10, "standard deviation around that mean")
      .add("plays", plays, -20, 5, "log of how often an artist of liking 0 was played before")
      .add("plays_liking", plays_liking, 0, 5, "of liking in that log")
      .add("session_rounds", session_rounds, 1, 60000, "rounds of a session");
}

}  // namespace rehearsal
