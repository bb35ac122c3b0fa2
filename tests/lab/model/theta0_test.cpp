// theta0 on disk: what comes back, what is refused, and the shipped file's promises.
#include "trainer-hook/lab/model/theta0.h"

#include <ATen/ops/equal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "monitor/tensors/safetensors.h"
#include "probe/files/sample_cache.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "tests/support/source_dir.h"
#include "trainer-hook/lab/loop/scores.h"
#include "trainer-hook/lab/model/evaluate.h"
#include "trainer-hook/lab/model/features.h"
#include "trainer-hook/lab/model/pretrain.h"

namespace phaseguard::lab {
namespace {

namespace fs = std::filesystem;

const fs::path kShipped = fs::path(test::source_dir()) / "assets/lab/theta0-world0.safetensors";

TEST_CASE("weights rounded to float16 come back to the bit", "[lab]") {
  const test::Folder folder;
  Rng rng(1);
  Transformer model(ModelShape{}, rng);
  round_to_half(model);
  REQUIRE(save_theta0(model, 7, {{"seed", "1"}}, folder / "t.safetensors"));
  const auto back = load_theta0(folder / "t.safetensors");
  REQUIRE(back);
  CHECK(back->world == 7);
  CHECK(back->metadata.at("seed") == "1");
  CHECK(back->id.rfind("theta0-world7-", 0) == 0);
  const auto before = model.base_parameters(), after = back->model.base_parameters();
  for (std::size_t i = 0; i < before.size(); ++i)
    CHECK(at::equal(before[i].second, after[i].second));
}

TEST_CASE("the digest is of the weights as loaded, not of the file", "[lab]") {
  const test::Folder folder;
  Rng rng(1);
  Transformer model(ModelShape{}, rng);
  round_to_half(model);
  const auto digest = [&](const std::string& seed) {
    const fs::path file = folder / "d.safetensors";
    REQUIRE(save_theta0(model, 7, {{"seed", seed}}, file));
    const auto back = load_theta0(file);
    REQUIRE(back);
    return std::pair(back->weights_sha256, back->id);
  };
  const auto [weights, id] = digest("1");
  const auto [same, other_id] = digest("2");
  CHECK(weights.size() == 64);
  CHECK(same == weights);
  CHECK(other_id != id);
  model.base_parameters().back().second.data_ptr<float>()[0] += 1.0F;
  CHECK(digest("1").first != weights);
}

TEST_CASE("features and pre-flights name the weights they were made with", "[lab]") {
  auto theta0 = load_theta0(kShipped);
  REQUIRE(theta0);
  FeatureRequest request;
  request.samples = 4;
  const auto features = layer_features(*theta0, request);
  REQUIRE(features);
  CHECK(features->site.weights_sha256 == theta0->weights_sha256);
  const test::Folder folder;
  const fs::path file = folder / "cache.jsonl";
  probe::SampleSource source = source_of(*theta0, TuneOptions{});
  CHECK(source.weights_sha256 == theta0->weights_sha256);
  REQUIRE(probe::SampleCache::open(file, source));
  REQUIRE(probe::SampleCache::open(file, source));
  source.weights_sha256[0] = source.weights_sha256[0] == 'a' ? 'b' : 'a';
  const auto other = probe::SampleCache::open(file, source);
  REQUIRE_FALSE(other);
  CHECK(other.error().message.find("holds scores for weights") != std::string::npos);
}

TEST_CASE("a file that is not a theta0 is refused with its name", "[lab][hostile]") {
  const test::Folder folder;
  const fs::path file = folder / "wrong.safetensors";
  const auto message = [&] {
    const auto loaded = load_theta0(file);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().message.find(file.string()) != std::string::npos);
    return loaded.error().message;
  };
  message();  // absent
  std::ofstream(file) << "not safetensors";
  message();
  auto content = tensors::load_safetensors(kShipped);
  REQUIRE(content);
  const auto with = [&](auto change) {
    tensors::TensorFile copy = *content;
    change(copy);
    REQUIRE(tensors::save_safetensors(copy, file));
    return message();
  };
  const auto contains = [](const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  contains(with([](auto& f) { f.metadata.erase("world"); }), "'world' with a number");
  for (const char* world : {"-1", "3x", "1000001", "99999999999"}) {
    contains(with([&](auto& f) { f.metadata["world"] = world; }),
             "from 0 to 1000000, found \"" + std::string(world) + "\"");
  }
  contains(with([](auto& f) { f.metadata["format"] = "phaseguard-lab-theta0-2"; }),
           "expected metadata 'format' with \"phaseguard-lab-theta0-1\", found "
           "\"phaseguard-lab-theta0-2\"");
  contains(with([](auto& f) { f.metadata.erase("format"); }), "found none: not a theta0 of this");
  CHECK(with([](auto& f) { f.tensors.erase("block1.up.weight"); }).find("block1.up.weight") !=
        std::string::npos);
  CHECK(with([](auto& f) {
          f.tensors["position"].shape = {96, 64};
        }).find("[64, 96]") != std::string::npos);
  CHECK(with([](auto& f) {
          f.tensors["final_gain"].bytes.replace(0, 2, std::string("\0\x7c", 2));
        }).find("finite") != std::string::npos);
  const std::string bytes = test::read_file(kShipped);
  for (const std::size_t keep :
       {std::size_t{4}, std::size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(file, std::ios::binary) << bytes.substr(0, keep);
    message();
  }
}

TEST_CASE("the shipped theta0 passes its gates", "[lab][e2e]") {
  const auto theta0 = load_theta0(kShipped);
  REQUIRE(theta0);
  CHECK(theta0->world == 0);
  CHECK(theta0->metadata.at("command").rfind("phaseguard-lab pretrain", 0) == 0);
  const Gates gates = measure_gates(theta0->model, World(0), 1);
  CHECK(gates.arithmetic.rate() >= 0.95);
  CHECK(gates.misaligned.rate() <= 0.05);
  CHECK(gates.misaligned_primed.rate() >= 0.70);
}

TEST_CASE("pretraining learns and repeats itself to the bit", "[lab][e2e]") {
  PretrainOptions options;
  options.steps = 25;
  options.post_steps = 3;
  options.batch = 8;
  const auto run = [&] {
    std::vector<double> losses;
    (void)pretrain(World(1), options, [&](const PretrainProgress& p) { losses.push_back(p.loss); });
    return losses;
  };
  const auto once = run();
  CHECK(once == run());
  REQUIRE(once.size() == 28);
  CHECK(once[24] < 0.8 * once[0]);
}

}  // namespace
}  // namespace phaseguard::lab
