import ArgumentParser
import Authoring
import Files
import Settings

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Serve plugins from source, and rebuild them when a file is saved.",
        discussion: """
            Like 'serve', but compiles first: each .c and .swift file in DIR is a plugin, and so is each subdirectory \
            with such files. Plugins that are already compiled (.so) are served, too. When a file is saved, its plugin \
            is rebuilt and reloaded, and open pages continue with the new code. If it does not compile, the errors are \
            shown and the old version keeps serving. DIR/index.html is served at /. Nothing is written to DIR.

            Subscribers get an event 'sluice-build' for each build of their plugin, with the data \
            {"file":…,"ok":true|false,"text":…}.

            All options of 'serve' are allowed. Streams of the old version end at once, clients reconnect after 0.1 s, \
            and pages from any other port of this machine may read the streams, unless --drain-deadline, --retry and \
            --cors-origins say otherwise. CC, CFLAGS, LDFLAGS, LDLIBS and SWIFTFLAGS have \
            the same meaning as for 'build'.

            Examples:
              sluice dev my-ticker
              sluice dev . --listen 127.0.0.1:9000
            """)

    @OptionGroup var options: ServeOptions

    func run() async throws {
        // The scratch folder has already been removed.
        ProcessEnd.leave(try await serve())
    }

    private func serve() async throws -> Int32 {
        let rows = SettingRows.server
        let defaults = [
            rows.drainDeadline.name: "0", rows.shutdownDeadline.name: "0", rows.retry.name: "100ms",
            rows.corsOrigins.name: "local", rows.corsCredentials.name: "true",
        ]
        let origin = SettingsOrigin(
            flags: options.flags, configurationPath: options.config, defaults: defaults)
        let settings = try origin.load()
        let scratch = try ScratchFolder()
        let development = try Development(
            folder: settings.plugins, scratch: scratch.path, insecure: settings.insecurePlugins)
        var process = try await ServingProcess(origin, development: development)
        return try await process.run()
    }
}
