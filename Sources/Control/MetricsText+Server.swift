import ProducerInterface
import StreamRuntime

/// The families about requests that got no stream, about plugins, and about the process.
extension MetricsText {
    mutating func addRefusals(_ figures: ServerFigures) {
        func samples(_ counts: [String: Int]) -> [Sample] {
            counts.sorted { $0.key < $1.key }.map { Sample([("kind", $0.key)], $0.value) }
        }
        add(
            "sluice_refused_requests_total", .counter,
            "Streams that a limit kept from being opened, by the limit's name.",
            samples(figures.runtime.streams.refusedByLimit))
        add(
            "sluice_turned_away_total", .counter,
            """
            Subscribers that were told to come back later: by the limit's name, or because the server was stopping \
            (unavailable) or the producer had been removed (removed).
            """, samples(figures.connections.turnedAwayByKind))
        add(
            "sluice_disallowed_requests_total", .counter,
            """
            Requests that were refused: because of their host, the origin of the page that asked, their token, a claim \
            in it (claim), or their PROXY header (proxy-header).
            """, samples(figures.connections.disallowedByKind))
        add(
            "sluice_connections", .gauge, "Connections of the front door, without those that became streams.",
            figures.connections.open)
        add(
            "sluice_connections_made_room_total", .counter, "Connections that were closed to make room for new ones.",
            figures.connections.madeRoom)
        add(
            "sluice_arriving_body_bytes", .gauge, "The size of the request bodies that are arriving.",
            figures.connections.arrivingBytes)
        add(
            "sluice_kept_request_bytes", .gauge, "The size of the requests of resumable streams, kept for a reload.",
            figures.runtime.streams.keptRequestBytes)
    }

    mutating func addPlugins(_ figures: ServerFigures, _ record: ReloadDesk.Record, _ totals: [ProducerTotals]) {
        add(
            "sluice_reloads_total", .counter,
            """
            Reloads by outcome: ok; refused (a plugin was refused, the rest took effect); failed (nothing was reloaded).
            """,
            [
                ("failed", record.failed), ("ok", record.count - record.failed - record.refused),
                ("refused", record.refused),
            ]
            .map { Sample([("outcome", $0.0)], $0.1) })
        add(
            "sluice_rollbacks_total", .counter, "New generations that were rolled back because their streams failed.",
            figures.runtime.rollbacks)
        add(
            "sluice_plugins_refused_total", .counter,
            "Refusals of plugin files, by what was wrong; one that is not tried again counts at each reload.",
            figures.runtime.refusedPlugins.sorted { $0.key < $1.key }.map { Sample([("kind", $0.key)], $0.value) })
        var states: [[String]: Int] = [:]
        for generation in figures.runtime.generations {
            states[[generation.image.plugin, generation.state], default: 0] += 1
        }
        add(
            "sluice_generations", .gauge,
            """
            Generations of plugins by state: serving, trial (serving, can be rolled back), held (can be returned to), \
            draining.
            """,
            states.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
                Sample([("plugin", $0.key[0]), ("state", $0.key[1])], $0.value)
            })
        if let images = figures.images {
            add("sluice_images", .gauge, "Images of plugins; none is ever unmapped.", images.count)
            add("sluice_image_bytes", .gauge, "The address space of the images of plugins.", images.bytes)
        }
        add(
            "sluice_streams_kept_total", .counter,
            "Streams that stayed in an old generation, or returned to it, because the new one did not continue them.",
            totals.map { Sample($0.name.labels, $0.kept) })
        add(
            "sluice_events_superseded_total", .counter,
            "Events that were emitted while their stream moved, and produced again by its new generation.",
            totals.map { Sample($0.name.labels, $0.superseded) })
        add(
            "sluice_callbacks_late_total", .counter, "Calls of functions whose stream was over.",
            totals.map { Sample($0.name.labels, $0.callbacks.late) })
        add(
            "sluice_callback_events_dropped_total", .counter,
            "Events of callbacks that were not sent because the stream's queue was full.",
            totals.map { Sample($0.name.labels, $0.callbacks.dropped) })
        add(
            "sluice_callback_functions", .gauge,
            "Functions that were made for plugins: of open streams, and of past ones.",
            [
                Sample([("state", "live")], figures.functions.live),
                Sample([("state", "past")], figures.functions.tombstones),
            ])
        add(
            "sluice_callback_function_bytes", .gauge, "The memory of the functions that were made for plugins.",
            figures.functions.bytes)
    }

    mutating func addProcess(_ figures: ServerFigures, _ version: String, _ interface: String) {
        if let process = figures.process {
            add("sluice_process_open_fds", .gauge, "Open descriptors.", process.openDescriptors)
            add("sluice_process_max_fds", .gauge, "The limit of descriptors.", process.maxDescriptors)
            add("sluice_process_threads", .gauge, "All threads of the process.", process.threads)
            add(
                "sluice_process_resident_memory_bytes", .gauge, "Memory of the process that is in RAM.",
                process.residentBytes)
            add(
                "sluice_process_cpu_seconds_total", .counter, "Processor time of the process.",
                [Sample([], seconds: process.processorSeconds)])
            add(
                "sluice_process_start_time_seconds", .gauge, "When the process began, in seconds since 1970.",
                [Sample([], seconds: process.startedAt)])
        }
        add(
            "sluice_build_info", .gauge, "Always 1: the server's version, and that of the interface of plugins.",
            [Sample([("version", version), ("interface", interface)], 1)])
    }
}

extension GenerationFigures {
    fileprivate var state: String {
        if heldFor != nil { return "held" }
        if retired != nil { return "draining" }
        return trial != nil ? "trial" : "serving"
    }
}
