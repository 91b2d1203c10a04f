import Testing

@testable import Settings

@Suite("The configuration file")
struct ConfigurationFileTests {
    private func parse(_ text: String) throws(SettingError) -> ConfigurationFile {
        try ConfigurationFile(parsing: text, path: "s.yaml")
    }

    @Test("settings and the sections of producers are read, every scalar as text")
    func parts() throws {
        let file = try parse(
            """
            # limits
            max-streams: 20000
            listen: ":80"

            producers:
              tail:
                root: /var/log
                follow: true
                depth: 007
                empty:
                words: "a b"
              quiet:
            """)
        #expect(file.settings["max-streams"] == ConfigurationFile.Entry(text: "20000", line: 2))
        #expect(file.settings["listen"] == ConfigurationFile.Entry(text: ":80", line: 3))
        #expect(file.settings.count == 2)
        #expect(
            file.producers == [
                "tail": ["root": "/var/log", "follow": "true", "depth": "007", "empty": "", "words": "a b"],
                "quiet": [:],
            ])
    }

    @Test("an empty file sets nothing", arguments: ["", "\n", "# nothing\n", "---\n", "producers:\n"])
    func empty(text: String) throws {
        let file = try parse(text)
        #expect(file.settings.isEmpty)
        #expect(file.producers.isEmpty)
    }

    @Test(
        "what cannot be read is refused with its line",
        arguments: [
            ("max-stream: 1", "s.yaml:1: unknown key 'max-stream'; did you mean 'max-streams'?"),
            ("retry: 1\nproducer:\n  a: 1", "s.yaml:2: unknown key 'producer'; did you mean 'producers'?"),
            ("colour: red", "s.yaml:1: unknown key 'colour'; sluice serve --help lists all"),
            ("\n\nmax-streams: [1, 2]", "s.yaml:3: max-streams: expected a single value"),
            ("max-streams: {a: 1}", "s.yaml:1: max-streams: expected a single value"),
            ("- a\n- b", "s.yaml:1: expected settings as 'name: value' lines"),
            ("just words", "s.yaml:1: expected settings as 'name: value' lines"),
            (
                "hubs:\n  tail:\n    lingr: 1",
                "s.yaml:3: hubs: tail: unknown key 'lingr'; expected history-events, history-bytes, linger, slow-policy, anchor"
            ),
            ("hubs: {tail: {linger: [1]}}", "s.yaml:1: hubs: tail: linger: expected a single value"),
            ("retry: 1\nproducers: 3", "s.yaml:2: expected producers as 'name: value' lines"),
            ("producers:\n  tail: on", "s.yaml:2: expected the section of producer 'tail' as 'name: value' lines"),
            ("producers:\n  tail:\n    root: [a]", "s.yaml:3: producers: tail: root: expected a single value"),
            (
                "producers:\n  tail:\n    root: \"a\\0b\"",
                "s.yaml:3: producers: tail: root is not valid: expected text without a NUL character"
            ),
            ("a: 1\nretry: 1\n# again\nretry: 2", "s.yaml:4: duplicate key 'retry', which is already in line 2"),
            (
                "hubs:\n  tail:\n    linger: 1\n    'linger' : 2",
                "s.yaml:4: duplicate key 'linger', which is already in line 3"
            ),
            ("retry: 1\nhubs: {a: {}, a: {}}", "s.yaml:2: duplicate key 'a'"),
            ("[a]: 1", "s.yaml:1: expected a name before ':'"),
        ])
    func wrong(text: String, message: String) {
        #expect(throws: SettingError(message)) { try parse(text) }
    }

    @Test(
        "what is no YAML is refused in one line",
        arguments: ["a: b: c", "\tx: 1", "a: \"b", "a: 1\na: 2", "%", "a: *b"])
    func noYAML(text: String) throws {
        let error = try #require(throws: SettingError.self) { try parse(text) }
        #expect(error.description.hasPrefix("s.yaml:"))
        #expect(!error.description.contains("\n"))
    }

    @Test("a file that can't be read is refused with its path")
    func unreadable() throws {
        let refused = [
            ("/nonexistent/s.yaml", "No such file or directory"), ("/", "Is a directory"),
            ("/dev/zero", "expected at most 1 MiB"),
        ]
        for (path, why) in refused {
            #expect(throws: SettingError("\(path): \(why)")) { try ConfigurationFile(path: path) }
        }
        #expect(throws: SettingError("s.yaml: No such file or directory")) {
            try ConfigurationFile(path: "s.yaml", at: "/nonexistent/s.yaml")
        }
    }
}
