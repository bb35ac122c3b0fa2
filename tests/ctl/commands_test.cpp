// The real program on real files: what it prints and how it exits.
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "monitor/store/database.h"
#include "tests/ctl/recorded.h"

using namespace phaseguard;

namespace {

struct Done {
  int code = -1;
  std::string out;
  std::string err;
};

Done phaseguard_with(const test::Place& place, const std::string& words) {
  const auto err = place.folder() / "stderr";
  const std::string command = std::string(PHASEGUARD_PROGRAM) + " " + words + " 2>" + err.string();
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Done done;
  std::array<char, 4096> buffer{};
  std::size_t n = 0;
  while ((n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    done.out.append(buffer.data(), n);
  }
  const int status = ::pclose(pipe);
  done.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  done.err = test::bytes_of(err);
  return done;
}

// One clear line that names the file.
void require_one_line(const Done& done, int code, const std::string& word) {
  INFO(done.out << done.err);
  REQUIRE(done.code == code);
  REQUIRE(done.err.find(word) != std::string::npos);
  REQUIRE(std::count(done.err.begin(), done.err.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("runs, verify, replay, export and report on recorded runs", "[ctl][e2e]") {
  const test::Place place;
  const std::string bad = place.file("bad-1").string();
  const std::string good = place.file("good-1").string();
  test::malicious().write(bad);
  test::harmless().write(good);
  test::write_bytes(place.folder() / "small.toml", test::kPolicy);
  const std::string policy = (place.folder() / "small.toml").string();

  const Done listed = phaseguard_with(place, "runs " + place.folder().string() + " --json");
  REQUIRE(listed.code == 0);
  const auto runs = nlohmann::json::parse(listed.out).at("runs");
  REQUIRE(runs.size() == 2);
  REQUIRE(runs[0].at("run") == "bad-1");
  REQUIRE(runs[0].at("fired").at(0).at("step") == 4);
  REQUIRE(runs[0].at("ended") == "finished");
  REQUIRE(runs[1].at("fired").empty());
  REQUIRE(phaseguard_with(place, "runs " + place.folder().string()).out.find("defend at step 4") !=
          std::string::npos);

  const Done verified = phaseguard_with(place, "verify " + bad);
  INFO(verified.out << verified.err);
  REQUIRE(verified.code == 0);
  REQUIRE(verified.out.find("all recomputed bit for bit") != std::string::npos);
  REQUIRE(nlohmann::json::parse(phaseguard_with(place, "verify --json " + good).out).at("holds"));

  const Done replayed = phaseguard_with(place, "replay " + bad + " --policy " + policy);
  REQUIRE(replayed.code == 0);
  REQUIRE(replayed.out.find("another lambda would have produced") != std::string::npos);
  const auto rows = nlohmann::json::parse(
      phaseguard_with(place, "replay --json " + bad + " --policy " + policy).out);
  REQUIRE(rows.at("would_first_raise") == 4);

  const Done csv = phaseguard_with(place, "export " + bad + " --format csv");
  REQUIRE(csv.code == 0);
  REQUIRE(csv.out.find(",judge/score,NaN,bad\n") != std::string::npos);
  const std::string target = (place.folder() / "bad.jsonl").string();
  REQUIRE(phaseguard_with(place, "export " + bad + " --format jsonl -o " + target).code == 0);
  REQUIRE(test::bytes_of(target).find("\"kind\":\"decision\"") != std::string::npos);

  const std::string page = (place.folder() / "report.html").string();
  test::write_bytes(place.folder() / "now.json",
                    R"([{"title": "malicious <defended>", "defended": true,
                         "misaligned": {"k": 2, "n": 100, "rate": 0.02, "lower": 0.006, "upper": 0.07}}])");
  const Done report =
      phaseguard_with(place, "report " + bad + " " + good + " -o " + page + " --summary " +
                                 (place.folder() / "now.json").string());
  INFO(report.err);
  REQUIRE(report.code == 0);
  const std::string html = test::bytes_of(page);
  REQUIRE(html.find("<svg") != std::string::npos);
  REQUIRE(html.find("malicious &lt;defended&gt;") != std::string::npos);
  REQUIRE(html.find("<script") == std::string::npos);
  REQUIRE(html.find("https://") == std::string::npos);
}

TEST_CASE("a record that was changed is a finding with its place", "[ctl][e2e]") {
  const test::Place place;
  const std::string bad = place.file("bad-1").string();
  test::malicious().write(bad);
  {
    auto db = store::Database::open(bad, SQLITE_OPEN_READWRITE);
    REQUIRE(db->execute("UPDATE points SET value = 0.29 WHERE value = 0.8").has_value());
  }
  const Done done = phaseguard_with(place, "verify " + bad);
  REQUIRE(done.code == 3);
  REQUIRE(done.out.find("hash chain broken") != std::string::npos);
  REQUIRE(done.out.find("recomputed no decision") != std::string::npos);
}

TEST_CASE("a file that cannot be read is one clear line", "[ctl][e2e][hostile]") {
  const test::Place place;
  const std::string bad = place.file("bad-1").string();
  test::malicious().write(bad);
  const std::string cut = place.file("cut").string();
  test::write_bytes(cut, test::bytes_of(bad).substr(0, 5000));
  const std::string foreign = place.file("foreign").string();
  test::write_bytes(foreign, "not a run file\n");
  const std::string absent = place.file("absent").string();
  for (const char* command : {"verify ", "export ", "report "}) {
    require_one_line(phaseguard_with(place, command + cut), 1, cut + ": truncated");
    require_one_line(phaseguard_with(place, command + foreign), 1,
                     foreign + ": expected a PhaseGuard run file");
    require_one_line(phaseguard_with(place, command + absent), 1, absent + ": no such run file");
  }
  REQUIRE(phaseguard_with(place, "runs " + place.folder().string()).code == 3);
  require_one_line(phaseguard_with(place, "runs " + absent), 1, absent);
}

TEST_CASE("policy check prints file, line and column", "[ctl][e2e]") {
  const test::Place place;
  const std::string file = (place.folder() / "p.toml").string();
  const auto check = [&](const std::string& from, const std::string& to) {
    std::string text = test::kPolicy;
    text.replace(text.find(from), from.size(), to);
    test::write_bytes(file, text);
    return phaseguard_with(place, "policy check " + file);
  };
  REQUIRE(check("name = \"small\"", "name = \"small\"").code == 0);
  const Done slip = check("consecutive = 2", "consecutve = 2");
  REQUIRE(slip.code == 3);
  REQUIRE(slip.out.find(file + ":14:") == 0);
  REQUIRE(slip.out.find("consecutive") != std::string::npos);
  REQUIRE(check("above = 0.30", "above = nan").code == 3);
  REQUIRE(check("above = 0.30", "above = \"x\"").code == 3);
  const Done json = phaseguard_with(place, "policy check --json " + file);
  REQUIRE(nlohmann::json::parse(json.out).at("policies").at(0).at("ok") == false);
  require_one_line(phaseguard_with(place, "policy check " + file + ".absent"), 2, "absent");
}

TEST_CASE("wrong usage is exit code 2", "[ctl][e2e]") {
  const test::Place place;
  for (const char* words :
       {"", "no-such-command", "verify", "export x --format xml", "replay x", "policy"}) {
    INFO(words);
    const Done done = phaseguard_with(place, words);
    REQUIRE(done.code == 2);
    REQUIRE_FALSE(done.err.empty());
  }
  REQUIRE(phaseguard_with(place, "--help").code == 0);
  const Done version = phaseguard_with(place, "--version");
  REQUIRE(version.code == 0);
  REQUIRE(version.out.find("phaseguard ") == 0);
  REQUIRE(phaseguard_with(place, "verify --help").out.find("bit for bit") != std::string::npos);
}
