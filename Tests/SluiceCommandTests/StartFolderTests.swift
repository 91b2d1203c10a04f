import PluginHost
import Settings
import TestSupport
import Testing

@testable import SluiceCommand

@Suite("The start of relative paths")
struct StartFolderTests {
    @Test(
        "a relative path begins where the process was started; links and .. are resolved by the kernel",
        arguments: [
            ("plugins", "/srv/plugins"), ("./plugins/", "/srv/plugins/"), (".//./a", "/srv/a"), (".", "/srv"),
            ("./", "/srv"), ("../a", "/srv/../a"), ("/b", "/b"), ("", ""),
        ])
    func absolute(path: String, expected: String) {
        #expect(StartFolder(path: "/srv").absolute(path) == expected)
        #expect(StartFolder(path: "").absolute(path) == path, "it can't be told")
    }

    @Test("at the root")
    func root() { #expect(StartFolder(path: "/").absolute("a") == "/a") }

    @Test("settings are read there; messages have paths as they were given")
    func settings() throws {
        let folder = TemporaryDirectory()
        folder.write("plugins: some\nmax-streams: 3\n".utf8, to: "sluice.yaml")
        let start = StartFolder(path: folder.path)
        let trusting = ["insecure-plugins": "true"]
        let settings = try SettingsOrigin(flags: trusting).load(environment: [:], in: start)
        #expect(settings.plugins == "some" && settings.maxStreams == 3)
        #expect(settings.configurationPath == "\(folder.path)/sluice.yaml")
        folder.write("max-streams: many\n".utf8, to: "sluice.yaml")
        let error = try #require(throws: SettingError.self) {
            _ = try SettingsOrigin(flags: trusting).load(environment: [:], in: start)
        }
        #expect(error.description.hasPrefix("sluice.yaml:1: max-streams: expected"))
    }
}
