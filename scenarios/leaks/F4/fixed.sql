-- The owner stays who made the table; the single role was granted what it needs in keepers.sql.
alter table pets owner to role_admin;
