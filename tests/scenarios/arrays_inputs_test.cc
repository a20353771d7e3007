// What the inputs of a group allow, and what is told of the others.

#include "scenarios/arrays/arrays.h"
#include "sim/log/hdf5_file.h"
#include "tests/catch.h"
#include "tests/scenarios/arrays_fixture.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;
using namespace rehearsal::testing;

TEST_CASE("actions that show as embeddings are scored as single actions, too", "[arrays]") {
  Arrays arrays = bandit_by_hand();
  arrays["a_case/inputs/pi_b"] = {{3, 2, 1}, {.5, .5, .5, .5, .25, .75}};
  arrays["a_case/inputs/estimated_pscore"] = {{3}, {.5, .5, .5}};
  arrays["a_case/inputs/q_hat_mrdr"] = arrays.at("a_case/inputs/q_hat");
  const auto single = score(arrays);
  arrays["a_case/inputs/action_embed"] = {{3, 1}, {0, 1, 0}};
  arrays["a_case/inputs/p_e_a"] = {{2, 2, 1}, {1, 0, 0, 1}};
  const auto both = score(arrays);
  CHECK(single.count("switch_2") + single.count("mrdr") + single.count("dr_estimated_pscore") == 3);
  for (const auto& [key, estimate] : single) {
    INFO(key);
    REQUIRE(both.count(key) == 1);
    CHECK(both.at(key).value == estimate.value);
  }
  CHECK(both.at("mipw_true_p_e_a").value == Approx(single.at("ipw").value).epsilon(1e-14));
}

TEST_CASE("what is misspelt or missing is told", "[arrays]") {
  const TemporaryFolder folder;
  Arrays arrays = bandit_by_hand();
  arrays["a_case/inputs/qhat"] = arrays.at("a_case/inputs/q_hat");
  const auto warnings = [&](const Arrays& of) {
    const std::string file = write_arrays(folder.path("x.h5"), of);
    const std::vector<NamedCase> cases = evaluate_arrays(file, array_layouts().at("obp"), {});
    std::string all;
    for (const std::string& each : cases.at(0).result.warnings) all += each + "\n";
    return all;
  };
  CHECK(warnings(arrays).find("inputs/qhat is not read: unknown dataset 'qhat'; did you mean "
                              "'q_hat'?") != std::string::npos);
  CHECK(warnings(bandit_by_hand()).find("not read") == std::string::npos);
  Arrays slates;
  for (const std::string name : {"slate_id", "position", "action", "reward", "pscore_cascade"})
    slates["a_case/inputs/" + name] = {{1}, {name[0] == 'p' && name[1] == 's' ? 1.0 : 0.0}};
  CHECK(warnings(slates).find("there are pscore_cascade but no evaluation_policy_pscore_cascade") !=
        std::string::npos);
  CHECK(warnings(slates).find("nothing was scored") != std::string::npos);
}

TEST_CASE("truth values as h5py writes them are numbers, other enumerations are not", "[arrays]") {
  const TemporaryFolder folder;
  Arrays arrays = bandit_by_hand();
  arrays.erase("a_case/inputs/reward");
  const auto with_reward = [&](const char* yes) {
    const std::string file = write_arrays(folder.path(yes), arrays);
    const hid_t out = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
    const std::int8_t zero = 0, one = 1, values[] = {1, 0, 1};
    const hsize_t n = 3;
    H5Tenum_insert(type, "FALSE", &zero);
    H5Tenum_insert(type, yes, &one);
    const hid_t space = H5Screate_simple(1, &n, nullptr);
    const hid_t data =
        H5Dcreate2(out, "a_case/inputs/reward", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(data);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(out);
    return estimates_of(evaluate_arrays(file, array_layouts().at("obp"), {}).at(0));
  };
  CHECK(with_reward("TRUE").at("ipw").value == Approx((1.5 + 2) / 3).epsilon(1e-14));
  CHECK_THROWS_AS(with_reward("MAYBE"), Error);
}
