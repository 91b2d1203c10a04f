import ArgumentParser
import Settings

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the event streams of a directory of plugins.",
        discussion: """
            Loads every .so file in DIR and serves its producers on their routes. Prints the routes, and a line to try one.

            SIGHUP, 'sluice reload', or with --watch any change, reloads the configuration and all files that are new, \
            changed or removed. SIGTERM lets streams end, which takes at most --shutdown-deadline plus 4 s. A second \
            SIGTERM ends the process at once, with exit status 1.

            Examples:
              sluice serve ./plugins
              sluice serve /usr/lib/sluice --listen :80 --max-streams 20000

            Sizes are in bytes (65536), or have a unit (64k, 1M). Times are in seconds (15, 1.5), or have a unit (500ms, \
            15s, 2m, 1h, 1d).

            Each option can also be set in the environment (SLUICE_MAX_STREAMS=20000) or in sluice.yaml \
            (max-streams: 20000). The command line takes precedence over the environment, and the environment over the \
            file. In the file, 'producers:' has a section for each producer that needs configuration. A reload reads \
            the settings again and applies them to the running server, except for these, which need a restart: \
            \(fixed).
            """)

    private static let fixed = SettingTable.server.rows.filter(\.needsRestart).map(\.name).joined(separator: ", ")

    @OptionGroup var options: ServeOptions

    @Flag(help: "Check the configuration and all plugins, print what is wrong, and exit. Nothing is served.")
    var checkConfig = false

    func run() async throws {
        var process = try await ServingProcess(
            SettingsOrigin(flags: options.flags, configurationPath: options.config))
        ProcessEnd.leave(checkConfig ? try process.checkConfiguration() : try await process.run())
    }
}
