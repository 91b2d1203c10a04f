import PluginHost
import Settings
import TestSupport
import Testing

@testable import SluiceCommand

@Suite("The sources of settings")
struct SettingsOriginTests {
    @Test("a configuration file that is named must exist; the default one need not")
    func missing() throws {
        #expect(throws: SettingError("/nonexistent/s.yaml: No such file or directory")) {
            try SettingSources(flags: [:], environment: [:], configurationPath: "/nonexistent/s.yaml")
        }
        #expect(throws: SettingError("/nonexistent/e.yaml: No such file or directory")) {
            try SettingSources(
                flags: [:], environment: ["SLUICE_CONFIG": "/nonexistent/e.yaml"], configurationPath: nil)
        }
        let sources = try SettingSources(
            flags: [:], environment: [:], configurationPath: nil, defaultPath: "/nonexistent/d.yaml")
        #expect(sources.file == nil)
    }

    @Test("a configuration that everyone can change is refused, unless the command line or the environment accepts it")
    func insecure() throws {
        let folder = TemporaryDirectory()
        let path = folder.write("max-streams: 3\ninsecure-plugins: true\n".utf8, to: "s.yaml", mode: 0o666)
        let error = try #require(throws: SettingError.self) {
            try SettingSources(flags: [:], environment: [:], configurationPath: path)
        }
        #expect(error.description.hasPrefix("\(path): ") && error.description.contains("writable"))
        let insistence = "SLUICE_INSECURE_PLUGINS"
        #expect(
            try SettingSources(flags: [:], environment: [insistence: "true"], configurationPath: path).file != nil)
    }

    @Test("reading again sees later changes")
    func again() throws {
        let folder = TemporaryDirectory()
        let origin = SettingsOrigin(
            flags: ["plugins": "p", "insecure-plugins": "true"], configurationPath: "\(folder.path)/s.yaml")
        for root in ["/a", "/b"] {
            folder.write("producers: {tail: {root: \(root)}}".utf8, to: "s.yaml")
            #expect(try origin.load(environment: [:]).producerConfigurations == ["tail": ["root": root]])
        }
    }

    @Test("without a directory there is nothing to serve, and the message says how to name one")
    func noDirectory() throws {
        let folder = TemporaryDirectory()
        let error = try #require(throws: SettingError.self) {
            try SettingsOrigin(flags: [:]).load(environment: [:], in: StartFolder(path: folder.path))
        }
        #expect(error.description.hasPrefix("no directory given; name one as an argument"))
    }

}
