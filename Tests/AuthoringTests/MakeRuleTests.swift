import Testing

@testable import Authoring

@Suite("The list of files that a compiler has read")
struct MakeRuleTests {
    @Test(
        "is parsed in the form that compilers write",
        arguments: [
            ("sources: a.c /usr/include/stdio.h b.h\n", ["a.c", "/usr/include/stdio.h", "b.h"]),
            ("sources: a.c \\\n /x/b.h \\\n  c.h\n", ["a.c", "/x/b.h", "c.h"]),
            ("sources: my\\ file.h $$HOME/x.h \\#1.h", ["my file.h", "$HOME/x.h", "#1.h"]),
            ("sources: a\\\\\\ b.h c\\d.h e:f.h", ["a\\ b.h", "c\\d.h", "e:f.h"]),
            ("sources: a.c\\\n b.h", ["a.c", "b.h"]),
            ("sources:", []), ("", []), ("no rule", []), ("sources: \\", []),
        ])
    func names(text: String, expected: [String]) {
        #expect(MakeRule.prerequisites(in: text) == expected)
    }
}
