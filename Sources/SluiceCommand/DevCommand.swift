import ArgumentParser

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
        var options = options
        options.times.drainDeadline = options.times.drainDeadline ?? "0"
        options.times.shutdownDeadline = options.times.shutdownDeadline ?? "0"
        options.times.retry = options.times.retry ?? "100ms"
        let settings = try Settings.load(options)
        let scratch = try ScratchFolder()
        let development = try Development(
            folder: settings.pluginDirectory, scratch: scratch.path, insecure: settings.acceptsInsecurePlugins)
        var process = try ServingProcess(options, development: development)
        return try await process.run()
    }
}
