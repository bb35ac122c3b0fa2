// What every page of HTML that we write must keep to.
#pragma once

#include <regex>
#include <string>

namespace phaseguard::test {

// What is wrong with a page, one line a finding; "" when nothing is: a script, an address on a
// network, a class the style sheet does not know, more than one style sheet.
inline std::string faults_of_page(const std::string& page) {
  std::string out;
  for (const char* word : {"<script", "http://", "https://", "@import", "url("}) {
    if (page.find(word) != std::string::npos) out += std::string("holds ") + word + "\n";
  }
  const std::size_t begin = page.find("<style>"), end = page.find("</style>");
  if (begin == std::string::npos || end == std::string::npos) return out + "no style sheet\n";
  if (page.find("<style", end) != std::string::npos) out += "two style sheets\n";
  const std::string sheet = page.substr(begin, end - begin), body = page.substr(end);
  static const std::regex kClass("class='([^']*)'"), kWord("\\S+");
  for (std::sregex_iterator one(body.begin(), body.end(), kClass), none; one != none; ++one) {
    const std::string words = (*one)[1];
    for (std::sregex_iterator word(words.begin(), words.end(), kWord); word != none; ++word) {
      const std::regex rule("\\." + word->str() + "[^-\\w]");
      if (!std::regex_search(sheet, rule)) out += "class " + word->str() + " is not styled\n";
    }
  }
  return out;
}

}  // namespace phaseguard::test
