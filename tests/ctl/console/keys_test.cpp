// Bytes of a terminal as keys, and what its environment says it can show.
#include "monitor/ctl/console/keys.h"

#include "monitor/ctl/console/theme.h"
#include "tests/support/catch.h"

using namespace phaseguard::console;

namespace {

std::string kinds(const std::vector<Key>& keys) {
  std::string out;
  for (const Key& key : keys) {
    constexpr const char* kLetters = "tUDLRPNEXTBb";
    out += key.kind == KeyKind::kText ? key.text
                                      : std::string(1, kLetters[static_cast<int>(key.kind)]);
  }
  return out;
}

std::string read(const std::string& bytes) {
  KeyReader reader;
  return kinds(reader.take(bytes)) + kinds(reader.give_up());
}

}  // namespace

TEST_CASE("keys are read whole, however their bytes come", "[console]") {
  const std::string bytes = "a\x1b[A\x1b[B\x1bOC\x1b[D\x1b[5~\x1b[6~\x1b[Z\t\r\x7f\xc3\xa9q";
  const std::string expected = "aUDRLPNBTEb\xc3\xa9q";
  CHECK(read(bytes) == expected);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    KeyReader reader;
    std::string got = kinds(reader.take(bytes.substr(0, cut)));
    got += kinds(reader.take(bytes.substr(cut)));
    CHECK(got == expected);
  }
}

TEST_CASE("an escape alone is the key once nothing follows", "[console]") {
  KeyReader reader;
  CHECK(reader.take("\x1b").empty());
  CHECK(reader.is_waiting());
  CHECK(kinds(reader.give_up()) == "X");
  CHECK_FALSE(reader.is_waiting());
  CHECK(read("\x1b\x1b[A") == "XU");
  CHECK(read("\x1bq") == "Xq");
}

TEST_CASE("what is pasted is no key", "[console]") {
  CHECK(read("a\x1b[200~f\r\rrun\r\x1b[201~q") == "aq");
  KeyReader reader;
  std::string got;
  for (const char c : std::string("\x1b[200~frun\r\x1b[20~\x1b[201~q")) {
    got += kinds(reader.take(std::string(1, c)));
  }
  CHECK(got == "q");
}

TEST_CASE("bytes that are no keys do nothing and hold nothing up", "[console][hostile]") {
  CHECK(read("\x1b[?1;2cq") == "q");
  CHECK(read(std::string("\0\x01\x02q", 4)) == "q");
  CHECK(read("\x1b[" + std::string(100, '1') + "~").find('q') == std::string::npos);
  CHECK(read("\xff") == "");  // waits for more, which never comes
}

TEST_CASE("every key is bound once, has a name and is in the help", "[console]") {
  const std::string help = keys_help();
  for (const Binding& binding : bindings()) {
    CHECK(help.find(std::string("  ") + binding.name + " ") != std::string::npos);
    CHECK(help.find(binding.what) != std::string::npos);
    const Key key{binding.kind,
                  binding.kind == KeyKind::kText ? std::string(1, binding.letter) : ""};
    CHECK(binding_of(key) == &binding);
  }
  CHECK(binding_of({KeyKind::kText, "z"}) == nullptr);
  CHECK(binding_of({KeyKind::kEnter, ""}) == nullptr);
}

TEST_CASE("colours follow NO_COLOR, COLORTERM and TERM; letters the locale", "[console]") {
  Environment e;
  e.term = "xterm-256color";
  CHECK(theme_of(e).colours == Colours::k256);
  e.colorterm = "truecolor";
  CHECK(theme_of(e).colours == Colours::kTrue);
  e.no_color = "1";
  CHECK(theme_of(e).colours == Colours::kNone);
  e = {};
  e.term = "xterm";
  CHECK(theme_of(e).colours == Colours::k16);
  e.term = "vt100";
  CHECK(theme_of(e).colours == Colours::kNone);
  e.term = "dumb";
  CHECK_FALSE(can_draw(e));
  e.term = "";
  CHECK_FALSE(can_draw(e));

  CHECK_FALSE(theme_of(e).utf8);
  e.lang = "de_DE.UTF-8";
  CHECK(theme_of(e).utf8);
  e.lc_ctype = "C";
  CHECK_FALSE(theme_of(e).utf8);
  e.lc_all = "C.utf8";
  CHECK(theme_of(e).utf8);

  CHECK(escape_of(Ink::kCritical, false, {Colours::k16, true}) == "\x1b[1;31m");
  CHECK(escape_of(Ink::kText, false, {Colours::kTrue, true}).empty());
  CHECK(escape_of(Ink::kText, true, {Colours::kNone, true}) == "\x1b[7m");
}
