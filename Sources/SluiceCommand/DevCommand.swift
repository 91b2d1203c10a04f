import ArgumentParser
import Settings

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Serve a directory of sources while they are written.",
        discussion: """
            As 'serve', and compiles: each .c and .swift file in DIR is a plugin, and so is each sub-folder that has some; plugins that are \
            there as .so are served, too. What is saved is compiled and taken up at once, and open pages go on with the new code. What does \
            not compile is shown, with its lines, while the code of before keeps serving. DIR/index.html is served at /. Nothing is \
            written to DIR.

            Listeners get an event 'sluice-build' for each build of their plugin; its data is {"file":…,"ok":true|false,"text":…}.

            All options of 'serve' may be given; streams of old code end at once, and come back after 0.1 s, unless \
            --drain-deadline and --retry say otherwise. CC, CFLAGS, LDFLAGS, LDLIBS and SWIFTFLAGS are as for 'build'.

            Examples:
              sluice dev my-ticker
              sluice dev . --listen 127.0.0.1:9000
            """)

    @OptionGroup var options: ServeOptions

    func run() async throws {
        // By now its folder is gone.
        ProcessEnd.leave(try await serve())
    }

    private func serve() async throws -> Int32 {
        let rows = SettingRows.server
        let usual = [rows.drainDeadline.name: "0", rows.shutdownDeadline.name: "0", rows.retry.name: "100ms"]
        let origin = SettingsOrigin(
            flags: options.flags.merging(usual) { given, _ in given }, configurationPath: options.config)
        let settings = try origin.load()
        let scratch = try ScratchFolder()
        let development = try Development(
            folder: settings.plugins, scratch: scratch.path, insecure: settings.insecurePlugins)
        var process = try ServingProcess(origin, development: development)
        return try await process.run()
    }
}
