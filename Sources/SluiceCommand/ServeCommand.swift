import ArgumentParser
import Settings

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the event streams of a directory of plugins.",
        discussion: """
            Loads every .so file in DIR, and serves its producers on their routes. Prints the routes, and a line to try one. \
            SIGHUP (or 'sluice reload', or a change, with --watch) takes up new, changed and removed files, and the configuration; \
            SIGTERM lets streams end, and takes --shutdown-deadline and 4 s at most; a second one ends the process at once, with \
            status 1.

            Examples:
              sluice serve ./plugins
              sluice serve /usr/lib/sluice --listen :80 --max-streams 20000

            Sizes are bytes (65536), or have a unit (64k, 1M). Times are seconds (15, 1.5), or have a unit (500ms, 15s, 2m, 1h, 1d).

            Each option may also be set in the environment (SLUICE_MAX_STREAMS=20000) or in sluice.yaml \
            (max-streams: 20000). The command line wins over the environment, and that over the file. In the file, \
            'producers:' holds a section of settings for each producer that wants some. A reload reads all of it again and applies \
            it to what runs, except for these, which need a restart: \(fixed).
            """)

    private static let fixed = SettingTable.server.rows.filter(\.needsRestart).map(\.name).joined(separator: ", ")

    @OptionGroup var options: ServeOptions

    func run() async throws {
        var process = try ServingProcess(
            SettingsOrigin(flags: options.flags, configurationPath: options.config))
        ProcessEnd.leave(try await process.run())
    }
}
